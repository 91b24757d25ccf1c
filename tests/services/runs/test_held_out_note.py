"""Why there is no held-out score is told by a notice that says what it is about, in whatever words."""

from __future__ import annotations

from pathlib import Path

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.writer import AttemptWriter
from cockpit.services.runs import attempts


def test_the_notice_about_the_held_out_pass_is_the_note(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path / "att_001")
    writer = AttemptWriter(attempt.root)
    writer.notice("info", "It was left out.", "held_out")
    writer.notice("info", "This one speaks of the full held-out pass too.")
    writer.end("finished", "All 8 steps are done.")
    writer.close()
    assert attempts.read(attempt, 0.0).note == "It was left out."


def test_without_a_notice_it_says_that_there_was_none(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path / "att_001")
    writer = AttemptWriter(attempt.root)
    writer.notice("info", "Something else.")
    writer.end("finished", "All 8 steps are done.")
    writer.close()
    assert attempts.read(attempt, 0.0).note == "no full held-out pass was made"


def test_a_notice_of_an_older_trainer_is_known_by_its_words(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path / "att_001")
    writer = AttemptWriter(attempt.root)
    writer.notice("info", "The full held-out pass is skipped: the best mini-eval is below the baseline's.")
    writer.notice("info", "Something else.")
    writer.end("finished", "All 8 steps are done.")
    writer.close()
    assert attempts.read(attempt, 0.0).note.startswith("The full held-out pass is skipped")
