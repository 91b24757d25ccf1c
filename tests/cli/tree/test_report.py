"""`cockpit report`: one page that stands alone, and Markdown for a pull request; hostile text stays text in both."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout, WorkspaceLayout
from cockpit.core.safe_text import clean
from cockpit.services.system.processes import machine
from tests.support.cli import Cli
from tests.support.ui.gallery import build
from tests.support.ui.hostile import OWNED, hostile
from tests.support.ui.stage import Stage

NASTY = (
    "</details></pre></td><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)> "
    "&lt;b&gt; \"q\" 'q' \x1b]0;owned\x07 \u202eabc\u202c | a\\|b "
    "`c` [x](http://evil.example) ]]> --> \ud800 فارسی 日本語"
)
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "dl", "dt", "dd", "div", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "span", "a", "ul", "li", "details", "summary", "pre", "figure",
    "figcaption", "svg", "desc", "line", "text", "polyline", "circle",
}  # fmt: skip
VOID = {"meta"}


@dataclass
class Page(HTMLParser):
    """A page as a browser would take it apart; fails where a tag is closed that isn't open."""

    source: str
    tags: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""
    tables: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def stands_alone(page: Page) -> None:
    """Nothing runs, and nothing comes from elsewhere."""
    assert page.tags <= TAGS
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "srcset", "style", "xlink:href"), tag
        assert name != "href" or value.startswith("#")
    (policy,) = [value for _, name, value in page.attributes if name == "content" and "default-src" in value]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    style = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert not re.search(r"url\(|@import|@font-face|http", style)
    assert all(len(set(rows)) == 1 for rows in page.tables)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report") / "ws"
    stage = build("decided", root, now=time.time())
    for id_, right in (("exp_0000", 1), ("exp_0002", 3)):
        folder = stage.layout.experiment(id_).attempt(1).sampled
        folder.mkdir()
        rows = [{"item": f"i{n}", "score": float(k < right)} for n in range(30) for k in range(4)]
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        score = {"samples": 4, "score": right / 4, "n": 30, "generation": {"temperature": 1.0}}
        atomic.write_json(folder / "score.json", score)
    stage.settle()
    return root


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Page]:
    def of(root: Path, *ids: str) -> Page:
        assert Cli(root, capsys)("report", *ids, "--html", str(tmp_path / "r.html"))[0] == 0
        return Page((tmp_path / "r.html").read_text(encoding="utf-8"))

    return of


def test_a_page_tells_everything_of_a_tree(decided: Path, report: Callable[..., Page], capsys: Any) -> None:
    page = report(decided)
    stands_alone(page)
    said = Cli(decided, capsys).json("compare", "0", "2")["pairs"][0]["sentence"]
    for text in (
        "tiny/base0", "held_out.jsonl, 200 items", "tagged:answer", "0.805 [0.745, 0.854]", said, "peft.lora_alpha",
        "110 items won, 13 lost against exp_0000", "10 of them here", "committed: gained outside the noise",
        "The loss fell from 1.2 to 0.14", "below the baseline, p = 0.01", "cockpit new --from-finding",
        "sft Stopped early at step 30", "pass@1 0.750", "4 samples an item",
        "Python 3", "Best: exp_0002, by exp_0000 -> exp_0002",
    ):  # fmt: skip
        assert text in page.text.replace("Python", "Python ").replace("  ", " "), text
    assert page.source.count('class="item ') == 20
    assert page.source.count("<svg") == 5  # loss and mini-eval of both runs, the reward of one
    assert "What could not be read" not in page.text
    assert machine().host not in page.text


def test_only_the_experiments_named_are_told(decided: Path, report: Callable[..., Page]) -> None:
    page = report(decided, "2", "exp_0003")
    ids = [value for tag, name, value in page.attributes if (tag, name) == ("h2", "id")]
    assert ids == ["exp_0002", "exp_0003"]
    assert "exp_0001" in page.text  # the tree is whole


def test_markdown_is_the_same_in_short(
    decided: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cli = Cli(decided, capsys)
    code, text = cli("report")
    assert code == 0
    assert "| exp_0000 | baseline | evaluated |" in text
    assert "| peft.r | - | 32 |" in text
    assert "110 items won, 13 lost against exp_0000." in text
    assert "- **warning**: The loss fell" in text
    assert "<answer>" not in text
    told = cli.json("report", "2", "--md", str(tmp_path / "r.md"))
    assert told == {
        "file": str(tmp_path / "r.md"),
        "size": (tmp_path / "r.md").stat().st_size,
        "experiments": ["exp_0002"],
    }
    assert cli.json("report", "2")["markdown"].startswith("<!-- made by cockpit report -->\n")


def test_an_empty_workspace_has_a_report(tmp_path: Path, report: Callable[..., Page]) -> None:
    build("empty", tmp_path / "ws", now=time.time())
    page = report(tmp_path / "ws")
    stands_alone(page)
    assert "No experiments yet." in page.text
    assert "held_out.jsonl, 5 items" in page.text


def test_a_broken_configuration_is_told_and_the_rest_is_there(
    tmp_path: Path, report: Callable[..., Page]
) -> None:
    build("broken_config", tmp_path / "ws", now=time.time())
    page = report(tmp_path / "ws")
    assert "What could not be read" in page.text
    assert "cockpit.toml" in page.text
    assert "0.805 [0.745, 0.854]" in page.text


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """A tree in which everything that somebody else wrote is hostile."""
    stage = build("decided", tmp_path / "ws", now=time.time())
    experiment = stage.layout.experiment("exp_0002")
    attempt = experiment.attempt(1)
    record = json.loads(experiment.record.read_text())
    record |= {"hypothesis": NASTY, "model": NASTY, "decision": record["decision"] | {"reason": NASTY}}
    atomic.write_json(experiment.record, record | {"technique": NASTY})
    recipe = json.loads(attempt.recipe.read_text())
    atomic.write_json(attempt.recipe, recipe | {"trainer": {NASTY: NASTY, "seed": NASTY * 9}})
    for side in ("exp_0000", "exp_0002"):
        items = stage.layout.experiment(side).attempt(1).held_out / "items.jsonl"
        rows = [json.loads(line) for line in items.read_text().splitlines()[:40]]
        texts = {"prompt": NASTY, "completion": NASTY, "answer": NASTY}
        rows = [row | texts | {"item": row["item"] + NASTY} for row in rows]
        for row in rows:
            row["completion"] *= 1 + 40 * row["passed"]
        items.write_text("".join(json.dumps(row) + "\n" for row in rows))
        atomic.write_json(items.with_name("score.json"), {"score": 0.5, "n": 40, "passed": 20, "parsed": 40})
    with attempt.events.open("a") as events:
        finding = {
            "kind": "finding",
            "rule": NASTY,
            "headline": NASTY,
            "evidence": [NASTY],
            "next_step": NASTY,
        }
        events.write(json.dumps(finding | {"severity": NASTY, "source": NASTY}) + "\nno JSON\n")
    with stage.layout.methodlog.open("a", encoding="utf-8", errors="replace") as log:
        log.write(f"- 2026-11-18 · note · exp_0002: {NASTY}\n- note · {NASTY}\n")
    text = stage.layout.config.read_text().replace('"demo"', json.dumps(NASTY.replace("\ud800", "")))
    stage.layout.config.write_text(text, encoding="utf-8")
    return stage.root


def test_hostile_text_stays_text(owned: Path, report: Callable[..., Page]) -> None:
    page = report(owned)
    stands_alone(page)
    assert page.text.count(clean(NASTY)) >= 40  # it is all there, as it was written
    assert not any(bad in page.source for bad in OWNED)
    assert "more characters)" in page.text
    assert "exp_0002: 1 line of events.jsonl can't be read; the rest is used." in page.text


def test_hostile_text_breaks_no_table_of_the_markdown(
    owned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = Cli(owned, capsys)("report")
    assert code == 0
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\[x\]\(", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows]
    assert set(bars) == {4, 7}  # settings, scores


def test_the_hostile_workspace_of_the_screens(tmp_path: Path, report: Callable[..., Page]) -> None:
    stage = Stage(tmp_path / "ws", now=time.time())
    hostile(stage)
    page = report(stage.root)
    stands_alone(page)
    assert not any(bad in page.source for bad in OWNED)


def test_a_machines_name_is_left_out(tmp_path: Path, report: Callable[..., Page]) -> None:
    build("elsewhere", tmp_path / "ws", now=time.time())
    page = report(tmp_path / "ws")
    assert "gpu-box-7" not in page.source
    assert "it runs on its machine" in page.text
    assert "ran on another machineexp_0001" in page.text


def test_what_is_broken_is_named(tmp_path: Path, report: Callable[..., Page]) -> None:
    build("decided", tmp_path / "ws", now=time.time())
    layout = WorkspaceLayout(tmp_path / "ws")
    attempt: AttemptLayout = layout.experiment("exp_0002").attempt(1)
    with attempt.metrics.open("a") as metrics:
        metrics.write('[1]\n{"step": 47, "lo')
    (attempt.held_out / "items.jsonl").unlink()
    layout.experiment("exp_0001").attempt(1).recipe.write_text("{")
    layout.experiment("exp_0004").record.write_text("")
    page = report(tmp_path / "ws")
    for text in (
        "exp_0004: its experiment.json is missing or broken; it isn't in this report.",
        "exp_0002: 2 lines of metrics.jsonl can't be read; the rest is used.",
        "exp_0002: its held-out items are missing or not all there",
        "exp_0001: its recipe is missing or broken",
    ):
        assert text in page.text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("9", "--html", "r.html"), "there is no experiment '9'"),
        (("--html", "missing/r.html"), "there is no folder missing"),
        (("--html", "."), "is a folder"),
        (("--html", "mine.txt"), "is no report of the cockpit"),
        (("--html", "x" * 300), "can't be written: File name too long"),
        (("--md", "exp_0002"), "`cockpit report exp_0002 --md`"),
        (("--md", "--html", "r.html"), "not allowed with"),
    ],
)
def test_refusals_are_sentences(
    decided: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    says: str,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("mine")
    assert main(["--dir", str(decided), "report", *words]) == 2
    assert says in capsys.readouterr().err
    assert Path("mine.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt"]


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome-headless-shell")


def test_a_browser_shows_it(owned: Path, report: Callable[..., Page], tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no headless browser on this machine ({', '.join(BROWSERS)})")
    page = report(owned)
    shown = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=360,800", "--dump-dom", (tmp_path / "r.html").as_uri()],
        capture_output=True, text=True, encoding="utf-8", timeout=300, check=True,
    ).stdout  # fmt: skip
    assert Page(shown).text.split() == page.text.split()
