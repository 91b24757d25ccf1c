"""The model's answers and what the verifier made of them: mid-evals, rollouts, held-out items, one item whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from cockpit.core.dataset.chat_templates import asked
from cockpit.core.safe_text import clean, clip
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, cell, fold, line
from cockpit.ui.text.scores import number, share
from cockpit.ui.text.styles import BAD, BEST, BOLD, DIM, GOOD, HEAD, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.ui.backend.summary import SampleFile

Row = Mapping[str, Any]
SHOWN_CHARS = 400
"""Characters of a prompt or completion that a one-line view looks at."""


def mid_eval_index(run: LiveRun | None, files: Sequence[SampleFile], glyphs: Glyphs) -> list[Line]:
    """A line a checkpoint, newest first: step, score, how many passed and parsed, the best one marked."""
    there = {file.step for file in files if file.split == "eval"}
    lines: list[Line] = []
    for mid in reversed(run.mid_evals) if run is not None else ():
        best = run is not None and mid.step == run.best_step
        sign = (f"{glyphs.best} ", BEST) if best else ("  ", PLAIN)
        # Where the verifier grades, the mean says more than how many got the full score.
        graded = mid.n > 0 and abs(mid.score - mid.passed / mid.n) > 1e-6
        counts = f"  mean of {mid.n}" if graded else f"  {mid.passed}/{mid.n}"
        counts += f", {mid.n - mid.parsed} unparsed" if mid.parsed < mid.n else ""
        counts += "  by vllm" if mid.engine == "vllm" else ""
        spans: list[Span] = [sign, (f"step {mid.step:<6}", PLAIN), (share(mid.score), BOLD), (counts, DIM)]
        lines.append(
            line(*spans, ("" if mid.step in there else "  no answers kept", DIM), key=f"eval:{mid.step}")
        )
    return lines


def rollout_index(files: Sequence[SampleFile]) -> list[Line]:
    """A line for each step whose rollouts or training samples were kept, newest first."""
    train = sorted(
        (file.step for file in files if file.split == "train" and file.step is not None), reverse=True
    )
    return [line(f"  step {step}", key=f"train:{step}") for step in dict.fromkeys(train)]


def held_out_index(rows: Sequence[Row], glyphs: Glyphs) -> list[Line]:
    """The full pass in slices: all, wrong, unparsed, right; the last three add up to the first.

    Where the verifier grades, right is the full score and wrong is less.
    """
    if not rows:
        return []
    counts = {name: len(in_slice(rows, name)) for name in ("all", "wrong", "unparsed", "right")}
    graded = is_graded(rows)
    signs = {"all": "  all items", "wrong": f"{glyphs.level} in part" if graded else f"{glyphs.cross} wrong",
             "unparsed": "? not parsed", "right": f"{glyphs.check} {'in full' if graded else 'right'}"}  # fmt: skip
    return [
        line(cell(signs[name], 14), (f"{count:>6}", BOLD), key=f"held_out:{name}")
        for name, count in counts.items()
    ]


def in_slice(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows of a slice of `held_out_index`."""
    keeps: dict[str, Callable[[Row], bool]] = {
        "wrong": lambda row: not row.get("passed") and row.get("parsed") is not None,
        "unparsed": lambda row: not row.get("passed") and row.get("parsed") is None,
        "right": lambda row: bool(row.get("passed")),
    }
    keep = keeps.get(name)
    return [row for row in rows if keep is None or keep(row)]


def answer_lines(rows: Sequence[Row], *, width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines an item: verdict, prompt and gold answer; then what the model said and why it counts or doesn't."""
    lines: list[Line] = []
    graded = is_graded(rows)
    for index, row in enumerate(rows):
        sign, word, style = verdict(row, glyphs, graded=graded)
        prompt = _one_line(_asked(row.get("prompt")), max(10, width * 3 // 5))
        gold = _one_line(row.get("answer"), 24)
        lines.append(
            line((f"{sign} {word:<9}", style), prompt, ("  gold ", DIM), (gold, BOLD), key=str(index))
        )
        said = _one_line(row.get("completion"), max(10, width * 3 // 5))
        why = clean(str(row.get("why") or ""), newlines="show")
        lines.append(
            line(("           ", DIM), (said or "(nothing)", PLAIN if said else WARN), ("  " + why, DIM))
        )
    return lines


def rollout_lines(rows: Sequence[Row], *, width: int, glyphs: Glyphs) -> list[Line]:
    """Rollouts by group: the prompt once, then each completion with its rewards; a group of equals is named."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(str(row.get("group", row.get("item", index))), []).append((index, row))
    lines: list[Line] = []
    for name, members in groups.items():
        scores = [_score(row) for _, row in members]
        compared = (
            members[0][1].get("advantage", 0) is not None
        )  # rejection sampling takes what is right as it is
        flat = compared and len(members) > 1 and len(set(scores)) == 1
        note = f"  no spread: nothing to learn from ({number(scores[0])} each)" if flat else ""
        head = _one_line(_asked(members[0][1].get("prompt")), max(10, width - 40))
        gold = _one_line(members[0][1].get("answer"), 20)
        mean = sum(scores) / len(scores)
        lines.append(
            line((clip(name, 12) + " ", DIM), (head, HEAD), ("  gold ", DIM), gold,
                 (f"  mean {number(mean)}", DIM), (note, WARN))
        )  # fmt: skip
        for index, row in members:
            sign, _, style = verdict(row, glyphs)
            said = _one_line(row.get("completion"), max(10, width - 34))
            lines.append(line((f"  {sign} {number(_score(row)):>6} ", style), said or "(nothing)",
                              (f"  {rewards(row)}", DIM), (taken(row), DIM), key=str(index)))  # fmt: skip
    return lines


def item_lines(row: Row, *, width: int, glyphs: Glyphs) -> list[Line]:
    """One item whole: prompt, completion, gold answer, what was parsed, the verdict and every reward."""
    sign, word, style = verdict(row, glyphs)
    lines = [
        line((f"{sign} {word}", style), ("  " + clean(str(row.get("why") or ""), newlines="show"), PLAIN))
    ]
    facts = [("item", row.get("item")), ("gold", row.get("answer")), ("parsed", row.get("parsed")),
             ("score", row.get("score")), ("rewards", rewards(row) or None),
             ("learnt", taken(row).strip() or None), ("step", row.get("step")),
             ("policy", row.get("policy_id"))]  # fmt: skip
    for name, value in facts:
        if value is not None:
            lines.append(line((f"{name:<9}", DIM), clip(str(value), max(20, width - 10))))
    for name in ("prompt", "completion"):
        lines += [line(), line((name, BOLD))]
        lines += [line("  ", part) for part in fold(clean(_text(row.get(name))), max(10, width - 3))]
    return lines


def is_graded(rows: Sequence[Row]) -> bool:
    """Whether these were graded (better and worse) rather than judged (right and wrong)."""
    return any(0 < _score(row) < 1 for row in rows)


def verdict(row: Row, glyphs: Glyphs, *, graded: bool = False) -> tuple[str, str, Any]:
    """Sign, word and style: right, wrong, unparsed; of a graded one its score."""
    if row.get("parsed") is None and "parsed" in row and not row.get("passed"):
        return "?", "unparsed", WARN
    if graded or 0 < _score(row) < 1:
        full = _score(row) >= 1
        return (glyphs.check if full else glyphs.level), number(_score(row)), GOOD if full else WARN
    return (glyphs.check, "right", GOOD) if row.get("passed") else (glyphs.cross, "wrong", BAD)


def rewards(row: Row) -> str:
    """`format 1 verifier 0`, where a row has several rewards."""
    parts = row.get("rewards")
    if not isinstance(parts, Mapping):
        return ""
    named = cast("Mapping[str, Any]", parts)
    return "  ".join(
        f"{clip(str(name), 20)} {number(float(value))}"
        for name, value in named.items()
        if isinstance(value, int | float)
    )


def taken(row: Row) -> str:
    """`  advantage +1.2`, or whether a sample was kept; empty where nothing says so."""
    advantage, kept = row.get("advantage"), row.get("kept")
    if isinstance(advantage, int | float):
        return f"  advantage {float(advantage):+.2f}"
    return "" if kept is None else "  kept" if kept else "  left out"


def shares(rows: Sequence[Row]) -> str:
    """`7 right, 2 wrong, 1 unparsed`: what a list holds; of graded answers `mean 0.43, 1 unparsed`."""
    words = Counter(
        "right" if r.get("passed") else "unparsed" if r.get("parsed") is None else "wrong" for r in rows
    )
    if is_graded(rows):
        mean = sum(_score(row) for row in rows) / len(rows)
        unparsed = f", {words['unparsed']} unparsed" if words["unparsed"] else ""
        return f"mean {number(mean)}{unparsed}"
    return ", ".join(f"{words[word]} {word}" for word in ("right", "wrong", "unparsed") if words[word])


def _score(row: Row) -> float:
    value = row.get("score")
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float(bool(value))
    )


def _text(value: object) -> str:
    """A prompt may be text or a list of messages."""
    if isinstance(value, list):
        messages = cast("list[object]", value)
        return "\n".join(_message(message) for message in messages)
    return "" if value is None else str(value)


def _asked(value: object) -> object:
    """What the last user's turn of a prompt says: many items begin with one and the same system prompt."""
    if isinstance(value, str):
        return asked(value)
    if not isinstance(value, list):
        return value
    parts = cast("list[object]", value)
    turns = [cast("Mapping[str, object]", part) for part in parts if isinstance(part, Mapping)]
    users = [turn for turn in turns if turn.get("role") == "user"]
    return users[-1].get("content") if users else parts


def _message(message: object) -> str:
    if isinstance(message, Mapping):
        fields = cast("Mapping[str, object]", message)
        return f"[{fields.get('role', '?')}] {fields.get('content', '')}"
    return str(message)


def _one_line(value: object, width: int) -> str:
    return clip(_text(value)[:SHOWN_CHARS].strip(), width)
