"""How every status looks: its sign, its word and its style; and the sentences of empty places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style

from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.styles import ACCENT, BAD, BOLD, DIM, GOOD, LIVE, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView

LIVE_STATES = frozenset({"queued", "starting", "running", "stalled", "stopping"})
_ATTEMPT: dict[str, tuple[str, str, Style]] = {
    "queued": ("starting", "queued", WARN),
    "starting": ("starting", "starting", WARN),
    "running": ("running", "running", LIVE),
    "stalled": ("stalled", "stalled", BAD),
    "stopping": ("stopping", "stopping", WARN),
    "stopped": ("stopped", "stopped", PLAIN),
    "finished": ("evaluated", "finished", PLAIN),
    "early_stopped": ("early", "early-stopped", WARN),
    "failed": ("failed", "failed", BAD),
    "oom_killed": ("failed", "out of memory", BAD),
    "killed": ("failed", "killed", BAD),
    "lost": ("lost", "lost", BAD),
}
_STATUS: dict[str, tuple[str, str, Style]] = {
    "draft": ("draft", "draft", DIM),
    "smoked": ("smoked", "smoked", PLAIN),
    "running": ("running", "running", LIVE),
    "evaluated": ("evaluated", "evaluated", PLAIN),
    "committed": ("committed", "committed", GOOD),
    "discarded": ("discarded", "discarded", DIM),
    "failed": ("failed", "failed", BAD),
}


def sign_word_style(view: ExperimentView, glyphs: Glyphs) -> tuple[str, str, Style]:
    """Return sign, word and style for an experiment: how its run stands while that is the news, else its own status."""
    state = view.attempt.state if view.attempt else ""
    shows_run = (
        state in LIVE_STATES
        or view.status == "failed"
        or (view.status == "evaluated" and state in {"early_stopped", "stopped"})
    )
    table, word = (_ATTEMPT, state) if shows_run and state in _ATTEMPT else (_STATUS, view.status)
    sign, word, style = table.get(word, ("lost", word.replace("_", " "), PLAIN))
    return getattr(glyphs, sign), word, style


def is_live(view: ExperimentView) -> bool:
    """Whether its run may still write."""
    return view.attempt is not None and view.attempt.state in LIVE_STATES


def technique(view: ExperimentView) -> str:
    """`SFT`, `GRPO LoRA`, `baseline`."""
    name = view.technique if view.technique == "baseline" else view.technique.upper()
    return f"{name} LoRA" if view.lora else name


_OFFERS: tuple[tuple[str, Style], ...] = (
    ("W  or  cockpit wizard    from a data file to a proven recipe, step by step", ACCENT),
    ("cockpit demo             see the whole story on a tiny model, in minutes", ACCENT),
    ("cockpit init             make a workspace in this folder", ACCENT),
    ("cockpit import FILE      a configuration of another trainer becomes a draft", ACCENT),
    ("cockpit --dir FOLDER     open a workspace that is somewhere else", ACCENT),
)
_A_WORKSPACE = "A workspace is a folder with a cockpit.toml: one base model, one held-out set, one verifier."


def no_workspace(seen: bool | None) -> tuple[tuple[str, Style], ...]:
    """What to do without a workspace; shorter where something was seen, None where nobody looked."""
    if seen:
        return _OFFERS
    nothing = "" if seen is None else "No run, data file or model was found in this folder either."
    return (
        ("There is no workspace here.", BOLD), (nothing, PLAIN), ("", PLAIN), (_A_WORKSPACE, PLAIN), ("", PLAIN),
        *_OFFERS, ("", PLAIN), ("q leaves, ? lists the keys.", DIM),
    )  # fmt: skip


EMPTY: tuple[tuple[str, Style], ...] = (
    ("No experiments yet.", BOLD),
    ("First the baseline: it scores the untrained model.", PLAIN),
    ("n makes one here, or: cockpit new baseline", ACCENT),
)
EMPTY_DEMO: tuple[tuple[str, Style], ...] = (
    ("No experiments yet: the demo's come up here as they begin.", BOLD),
    ("First its tiny model is pretrained: about a minute, once; it is kept.", PLAIN),
    ("Leave when you like (q): it goes on, and `cockpit demo` shows it again.", PLAIN),
)
NOTHING_RUNS = "nothing runs"
