"""What the pages name exists (links, paths, commands, options), and what is generated in them is current."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

import pytest

from cockpit.cli import COMMANDS, add_arguments
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from scripts import doc_blocks, fill_docs
from tests.support.pages import Page, pages

ROOT = doc_blocks.ROOT
PAGES = pages()
MEASURED = {"demo-table", "techniques", "bench", "bench overlap", "bench large", "bench stopping", "loop"}
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_what_comes_from_code_is_current(page: Page) -> None:
    assert fill_docs.filled(page.text) == page.text, "run `python -m scripts.fill_docs`"


def test_every_block_stands_in_one_place() -> None:
    counted = Counter(name for page in PAGES for name in doc_blocks.blocks(page.text))
    assert counted == Counter({*fill_docs.BLOCKS, *MEASURED})


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    assert dead_links(page) == []


def dead_links(page: Page) -> list[str]:
    """The links whose file, or whose heading in it, isn't there."""
    found: list[str] = []
    for link in page.links():
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        there = page if target == page.path else Page.load(target) if target.is_file() else None
        if there is None or (anchor and anchor not in there.anchors):
            found.append(link)
    return found


@every_page
def test_paths_exist(page: Page) -> None:
    assert [path for path in sorted(page.paths()) if not any(ROOT.glob(path))] == []


@every_page
def test_what_is_said_to_be_in_a_file_is_there(page: Page) -> None:
    assert [(name, path) for name, path in page.symbols() if not mentions(ROOT / path, name)] == []


def mentions(place: Path, name: str) -> bool:
    """Whether a file, or a module of a folder, has the name."""
    files = place.glob("*.py") if place.is_dir() else [place]
    return any(re.search(rf"\b{name}\b", file.read_text("utf-8")) for file in files)


def parser_of(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"cockpit {name}", exit_on_error=False)
    for option in (["--dir", "-C"], ["--json"]):
        parser.add_argument(*option, nargs="?")
    add_arguments(COMMANDS[name], parser)
    return parser


@every_page
def test_commands_in_code_blocks_can_be_run(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is parsed by the command's own parser."""
    for words in page.shell():
        if words[:1] != ["cockpit"] or words[1:2] in ([], ["--dir"], ["--help"]):
            continue
        assert words[1] in COMMANDS, words
        try:
            parser_of(words[1]).parse_intermixed_args(words[2:])
        except (SystemExit, argparse.ArgumentError) as error:
            pytest.fail(f"{' '.join(words)}: {error} {capsys.readouterr().err}")


@every_page
def test_commands_in_the_text_exist_with_their_options(page: Page) -> None:
    for words in page.spoken():
        if words[:1] != ["cockpit"] or not re.fullmatch(r"[a-z][a-z-]+", words[1] if words[1:] else ""):
            continue
        assert words[1] in COMMANDS, words
        known = parser_of(words[1]).format_help()
        unknown = [word for word in words[2:] if word.startswith("-") and not re.search(rf"{word}\b", known)]
        assert unknown == [], words


@every_page
def test_make_targets_exist(page: Page) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {words[1] for words in [*page.shell(), *page.spoken()] if words[:1] == ["make"] and words[1:]}
    assert named <= targets


@every_page
def test_modules_that_are_run_exist(page: Page) -> None:
    code = "\n".join([*page.spans, *(content for _, content in page.fences)])
    named = {
        name
        for name in re.findall(r"python -m ([a-z_.]+)", code)
        if name.startswith(("tests", "scripts", "tra"))
    }
    missing = [
        name
        for name in named
        if not any(ROOT.glob(name.replace(".", "/") + suffix) for suffix in (".py", "/__main__.py"))
    ]
    assert missing == []


def test_variables_of_the_environment_are_read_somewhere() -> None:
    named = {name for page in PAGES for name in re.findall(r"COCKPIT_[A-Z_]+", page.text)}
    read = {
        name
        for file in sources("cockpit", "trainers")
        for name in re.findall(r"COCKPIT_[A-Z_]+", file.read_text("utf-8"))
    }
    assert named
    assert named - read == set()


def sources(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def test_what_the_code_says_of_a_page_is_there() -> None:
    """`docs/guide.md, "Trackers"` in a comment: the page, and the heading in it."""
    by_name = {page.name: page for page in PAGES}
    wrong: list[str] = []
    for file in [ROOT / "pyproject.toml", *sources("cockpit", "trainers", "scripts")]:
        for name, _, title in re.findall(
            r'\b(docs/[\w-]+\.md|README)(, "([^"]+)")?', file.read_text("utf-8")
        ):
            page = by_name.get(name if name != "README" else "README.md")
            if page is None or (title and title not in re.findall(r"^#+ (.+)$", page.prose, re.MULTILINE)):
                wrong.append(f"{file.relative_to(ROOT)}: {name} {title}")
    assert wrong == []


@every_page
def test_no_heading_is_empty_or_there_twice(page: Page) -> None:
    assert page.empty_headings() == []
    assert [anchor for anchor, times in Counter(page.anchors).items() if times > 1] == []


@every_page
def test_code_in_python_compiles(page: Page) -> None:
    for language, content in page.fences:
        if language == "python":
            compile(content, page.name, "exec")


def test_every_file_of_an_attempt_is_in_the_table() -> None:
    text = (ROOT / "docs" / "attempt-folder.md").read_text("utf-8")
    layout = AttemptLayout(Path())
    paths = [
        getattr(layout, name) for name, kind in vars(AttemptLayout).items() if isinstance(kind, property)
    ]
    assert len(paths) > 10
    assert [str(path) for path in paths if f"`{path}" not in text] == []


def test_the_checks_see_what_is_wrong() -> None:
    """A page with every fault has them all named."""
    text = (
        "# One\n\n[a](docs/none.md) [b](#none) ![c](screenshots/none.svg) [d](#one)\n\n"
        "`cockpit/none.py`, `NONE` in `cockpit/cli/__init__.py`.\n\n## Two\n\n## Three\n\n```\ncockpit none  # x\n```\n"
    )
    page = Page(ROOT / "README.md", text)
    assert dead_links(page) == ["docs/none.md", "#none", "screenshots/none.svg"]
    assert page.paths() == {"cockpit/none.py", "cockpit/cli/__init__.py"}
    assert page.symbols() == [("NONE", "cockpit/cli/__init__.py")]
    assert page.empty_headings() == ["Two"]
    assert list(page.shell()) == [["cockpit", "none"]]


def test_a_block_is_put_where_its_marks_are(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\n\nold\n\n<!-- /a -->\n<!-- b -->\nkept\n<!-- /b -->\n")
    assert doc_blocks.put("a", r"new \1", [page]) == page
    assert doc_blocks.blocks(page.read_text()) == {"a": r"new \1", "b": "kept"}


def test_where_to_start_reading_is_taken_whole() -> None:
    told = "Scores.\n\nMay import: x.\nStart reading at `a.py`; `b.py` is\nimported late.\n\nMore."
    assert fill_docs.start_of(told) == "`a.py`; `b.py` is imported late"
    assert fill_docs.start_of("Scores.") == ""


def test_a_block_without_a_place_is_named() -> None:
    with pytest.raises(CockpitError, match="<!-- nowhere -->"):
        doc_blocks.put("nowhere", "text")
