"""Sampled answers beside the score that counts: asked for by the command, said in the log, compared with the base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.services.experiments import lifecycle
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli


@pytest.fixture
def scored(ws: Workspace) -> Workspace:
    """The stand-in's baseline, scored once."""
    lifecycle.launch(ws, "exp_0000")
    lifecycle.wait(ws, "exp_0000", lambda _: None, every_s=0.05)
    return ws


def test_sampled_answers_leave_the_score_alone_and_their_line_in_the_log(
    scored: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scored.experiment("exp_0000").score
    cli = Cli(scored.root, capsys)
    told = cli.json("score", "0", "--samples", "4", "--temperature", "0.7", "--wait")
    assert before is not None
    assert told["held_out_score"] == before.value
    passes = told["pass_at"]
    assert (passes["samples"], passes["temperature"], passes["base"]) == (4, 0.7, None)
    assert [one["k"] for one in passes["k"]] == [1, 2, 4]
    assert passes["k"][0]["value"] == pytest.approx(1 / 3, abs=0.02)
    assert passes["k"][2]["value"] == 1.0  # one of three in a row is right
    line = next(line for line in scored.method_log_lines() if "pass@4" in line)
    assert passes["sentence"] in line
    code, shown = cli("show", "0")
    assert code == 0
    assert f"sampled     {passes['sentence']}" in shown


REFUSED = [
    (("--temperature", "0.8"), "--temperature is how several answers are sampled"),
    (("--samples", "4"), "need a temperature above 0"),
    (("--samples", "4", "--temperature", "0"), "need a temperature above 0"),
    (("--samples", "4", "--temperature", "nan"), "need a temperature above 0"),
    (("--samples", "4", "--temperature", "9"), "up to 2"),
    (("--samples", "0", "--temperature", "1"), "2 to 256"),
    (("--samples", "100000", "--temperature", "1"), "2 to 256"),
    (("--samples", "2", "--temperature", "1"), "no score yet to sample beside"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED)
def test_what_can_not_be_sampled_is_refused_before_anything_starts(
    ws: Workspace, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], says: str
) -> None:
    code, said = Cli(ws.root, capsys)("score", "0", *options)
    assert code == 2
    assert says in said
    assert ws.experiment("exp_0000").attempt is None


def test_two_runs_that_were_sampled_are_compared_in_a_line(
    scored: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lifecycle.new(scored, "sft", hypothesis="it helps")
    source = scored.attempt_dir("exp_0000")
    assert source is not None
    copy = scored.layout.experiment("exp_0001").attempt(1)
    copy.root.mkdir(parents=True)
    for attempt, right in ((source, 1), (copy, 3)):
        for name in ("recipe.json", "events.jsonl"):
            if attempt is copy:
                (copy.root / name).write_text((source.root / name).read_text())
        attempt.sampled.mkdir(exist_ok=True)
        rows = [{"item": str(k), "score": float(j < right), "sample": j} for k in range(40) for j in range(4)]
        (attempt.sampled / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        fields = {"score": right / 4, "n": 40, "samples": 4, "generation": {"temperature": 0.7}}
        (attempt.sampled / "score.json").write_text(json.dumps(fields))
    cli = Cli(scored.root, capsys)
    (pair,) = cli.json("compare", "0", "1")["pairs"]
    assert [(one["k"], one["kind"]) for one in pair["pass_at"]["k"]] == [
        (1, "gained"),
        (2, "gained"),
        (4, "level"),
    ]
    code, said = cli("compare", "0", "1")
    assert code == 0
    assert f"exp_0001: {pair['pass_at']['sentence']}" in said
