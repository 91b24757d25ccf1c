"""The log is read before every move: constraints, silent swaps, ablations that were run already; and the literature."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import GateClosed
from cockpit.contract.recipe import Recipe
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.core.recipe import constraints
from cockpit.core.recipe.recipes import resolve
from cockpit.core.technique.literature import Brief, Hit, rank
from cockpit.core.tree import prelaunch_checks
from cockpit.services.experiments import lifecycle, precheck
from cockpit.services.technique import literature
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace

DATA = {"train": "/data/orca.jsonl", "mini_eval": "/d/m.jsonl", "held_out": "/d/h.jsonl"}


def recipe(technique: str = "sft", *overrides: str, **more: Any) -> Any:
    return resolve(technique, experiment_id="exp_0001", model="/m/qwen", verifier="exact", data=DATA,
                   overrides=overrides, **more)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "overrides", "breaks"),
    [
        ("no sft", (), True),
        ("no ppo", (), False),
        ("only dpo, kto", (), True),
        ("only sft", (), False),
        ("only lora", (), False),
        ("only lora", ("peft=null",), True),
        ("no full weights", ("peft=null",), True),
        ("no full", (), False),
        ("learning_rate <= 1e-4", ("learning_rate=1e-3",), True),
        ("learning_rate <= 1e-4", ("learning_rate=1e-5",), False),
        ("peft.r >= 16", ("peft.r=8",), True),
        ("peft.r >= 16", ("peft.r=32",), False),
        ("peft.r >= 16", ("peft=null",), False),
        ("technique = sft, dpo", (), False),
        ("technique = grpo", (), True),
        ("seed = 0", (), False),
        ("seed = 1", (), True),
        ("no orca", (), True),
        ("no alpaca", (), False),
        ("hours <= 2", ("budget.seconds=3600",), False),
        ("hours <= 2", ("budget.seconds=36000",), True),
        ("never use qwen", (), True),
        ("be kind to the GPU, please", (), False),
        ("lr <= 1e-6", (), True),
        ("rank >= 64", (), True),
        ("bs <= 64", (), False),
        ("answers must stay polite", (), False),
    ],
)
def test_constraints(text: str, overrides: tuple[str, ...], breaks: bool) -> None:
    assert bool(constraints.broken([text], recipe("sft", *overrides))) is breaks


def test_swaps_are_told_by_content() -> None:
    log = [
        Entry("dataset", "held_out /d/h sha256:aaaaaaaaaaaaaaaa", key="data/held_out/aaaaaaaaaaaaaaaa"),
        Entry("target", "model /m sha256:bbbbbbbbbbbbbbbb", key="content/model/bbbbbbbbbbbbbbbb"),
        Entry(
            "dataset", "trains on /d/t.jsonl sha256:cccccccccccccccc"
        ),  # an older log's: in its words alone
        Entry(
            "dataset",
            "trains on it",
            key="dataset/exp_0002/eeeeeeeeeeeeeeee",
            file="/d/my file <!-- a -->.jsonl",
        ),
    ]
    log = methodlog.parse("\n".join(entry.line() for entry in log))
    same = {"held_out": "a" * 64, "model": "b" * 64}
    assert prelaunch_checks.swaps(log, same) == []
    assert [c.rule for c in prelaunch_checks.swaps(log, {**same, "model": "d" * 64})] == ["swap"]
    assert "held-out set" in prelaunch_checks.swaps(log, {**same, "held_out": "d" * 64})[0].headline
    assert prelaunch_checks.swaps([], same) == [], "nothing is named, so nothing was swapped"
    assert prelaunch_checks.swapped_training(log, "/d/t.jsonl", "c" * 64) is None
    assert prelaunch_checks.swapped_training(log, "/d/other.jsonl", "d" * 64) is None
    assert prelaunch_checks.swapped_training(log, "/d/t.jsonl", "d" * 64) is not None
    assert prelaunch_checks.swapped_training(log, "/d/my file <!-- a -->.jsonl", "e" * 64) is None
    assert prelaunch_checks.swapped_training(log, "/d/my file <!-- a -->.jsonl", "d" * 64) is not None


def test_the_same_ablation_is_not_run_twice() -> None:
    ran = prelaunch_checks.Past("exp_0002", "f" * 16, "evaluated", "held-out 0.31")
    again = prelaunch_checks.already_run("f" * 16, [ran])
    assert again is not None
    assert "0.31" in again.headline
    assert again.shows == "exp_0002"
    assert prelaunch_checks.already_run("e" * 16, [ran]) is None
    assert (
        prelaunch_checks.already_run("f" * 16, [prelaunch_checks.Past("exp_0003", "f" * 16, "draft", "")])
        is None
    )


def test_a_workspace_notices_what_changed_under_it(ws: Workspace, draft: str) -> None:
    made = Recipe.load(ws.layout.experiment(draft).draft)
    assert precheck.concerns(ws, made, but=draft) == []
    (ws.root.parent / "model" / "config.json").write_text('{"hidden_size": 1}')
    methodlog_writer.note(ws, "no sft", kind="constraint")
    assert [c.rule for c in precheck.concerns(ws, made, but=draft)] == ["swap", "constraint"]
    attempt = ws.layout.experiment("exp_0000").attempt(1)
    attempt.mini_eval.mkdir(parents=True)  # the base is scored, so that gate is open
    (attempt.mini_eval / "score.json").write_text(json.dumps({"score": 0.5, "n": 10}))
    with pytest.raises(GateClosed, match="base model") as closed:
        lifecycle.launch(ws, draft)
    assert "no sft" in str(closed.value)
    assert not ws.layout.experiment(draft).attempt(1).root.exists()


def test_new_says_what_the_log_says(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(ws.root), "note", "--constraint", "no sft"]) == 0
    capsys.readouterr()
    assert main(["-C", str(ws.root), "new", "sft", "--json"]) == 0
    assert [c["rule"] for c in json.loads(capsys.readouterr().out)["concerns"]] == ["constraint"]


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>http://arxiv.org/abs/2402.03300v1</id>
<title>DeepSeekMath: GRPO
  on GSM8K</title><published>2024-02-05T00:00:00Z</published><summary>RL.</summary></entry></feed>"""
PAPERS = [
    {"paper": {"id": "2402.03300", "title": "DeepSeekMath: GRPO on GSM8K", "upvotes": 90, "summary": "x"}},
    {
        "paper": {
            "id": "2503.20783",
            "title": "A \x1b[31mcritical look",
            "publishedAt": "2025-03-26T00:00:00Z",
        }
    },
    {"odd": 1},
]


class _StandIn(BaseHTTPRequestHandler):
    """Answers as the two services do; `broken` in the path answers with nonsense."""

    def do_GET(self) -> None:
        body = ATOM.encode() if "arxiv" in self.path else json.dumps(PAPERS).encode()
        self.send_response(500 if "broken" in self.path else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    for name in ("HF_HUB_OFFLINE", "COCKPIT_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COCKPIT_HF_PAPERS_URL", f"{base}/papers")
    monkeypatch.setenv("COCKPIT_ARXIV_URL", f"{base}/arxiv")
    yield base
    server.shutdown()


BRIEF = Brief("Qwen3-4B-Base", "gsm8k", "a higher score", ("no ppo",), "grpo")


def test_the_brief_and_its_questions() -> None:
    for said in ("Qwen3-4B-Base", "gsm8k", "no ppo", "GRPO"):
        assert said in BRIEF.text()
    assert BRIEF.queries()[0].startswith("GRPO")
    assert "gsm8k" in BRIEF.queries()[0]
    close, far = Hit("GRPO on GSM8K with Qwen3", "u1", "x"), Hit("Cooking with gas", "u2", "x", votes=999)
    assert [hit.url for hit in rank([far, close], BRIEF)] == ["u1", "u2"]


def test_both_services_are_asked_and_a_paper_is_listed_once(services: str) -> None:
    found = literature.search(BRIEF)
    assert found.problems == ()
    assert found.hits[0].title == "DeepSeekMath: GRPO on GSM8K"
    assert len([hit for hit in found.hits if "2402.03300" in hit.url]) == 1
    assert not any("\x1b" in hit.title for hit in found.hits)


def test_what_does_not_answer_is_said(services: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_ARXIV_URL", f"{services}/broken")
    found = literature.search(BRIEF)
    assert found.hits
    assert [text.split(" did")[0] for text in found.problems] == ["arXiv"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "copy the brief" in literature.search(BRIEF).problems[0]


def test_what_is_relied_on_and_what_is_skipped_is_written_down(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["-C", str(ws.root), "literature"]
    assert main([*place, "--rely", "https://arxiv.org/abs/2402.03300", "--note", "GRPO from base"]) == 0
    assert main([*place, "--skip", "a toy"]) == 0
    assert main([*place, "--skip", " "]) == 2
    log = ws.layout.methodlog.read_text()
    assert "literature · relies on https://arxiv.org/abs/2402.03300: GRPO from base" in log
    assert "literature · skipped: a toy" in log
    capsys.readouterr()
    assert main([*place, "--brief", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["recorded"]) == 2
