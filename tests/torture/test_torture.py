"""The short form of `make torture`: a few faults of a seed of their own."""

from __future__ import annotations

from pathlib import Path

from tests.torture import campaign


def test_no_damaged_file_loses_an_experiment_or_makes_a_resume_lie(tmp_path: Path) -> None:
    tally = campaign.break_files(tmp_path, seed=7, faults=12)
    assert tally.tried > 6
    assert not tally.lost + tally.lies, str(tally)


def test_a_killed_writer_leaves_whole_checkpoints_and_whole_lines(tmp_path: Path) -> None:
    tally = campaign.kill_writers(tmp_path, seed=7, faults=3)
    assert not tally.lost, str(tally)
