"""The selection goes to what runs until somebody moves it: in a demo one watches without a key."""

from __future__ import annotations

from cockpit.services.workspace import ExperimentView
from cockpit.ui.facts import Picture
from cockpit.ui.state import CockpitState


def picture(*statuses: str) -> Picture:
    return Picture(
        experiments=tuple(
            ExperimentView(
                id=f"exp_{n:04d}", parent=None, technique="sft", lora=False, hypothesis="", created=float(n),
                status=status, attempt=None, attempt_dir=None, model="", verifier="",
            )
            for n, status in enumerate(statuses)
        )
    )  # fmt: skip


def test_it_goes_to_the_next_run_until_it_is_moved() -> None:
    state = CockpitState()
    seen = []
    for statuses in (
        ("running",),
        ("evaluated", "draft"),
        ("evaluated", "running"),
        ("evaluated", "evaluated"),
    ):
        state.see(picture(*statuses))
        seen.append(state.selected)
    assert seen == ["exp_0000", "exp_0000", "exp_0001", "exp_0001"]
    assert state.select("exp_0000")
    state.see(picture("evaluated", "evaluated", "running"))
    assert state.selected == "exp_0000", "what somebody chose stays chosen"


def test_choosing_what_is_chosen_already_is_no_move() -> None:
    state = CockpitState()
    state.see(picture("running"))
    assert not state.select("exp_0000")
    state.see(picture("evaluated", "running"))
    assert state.selected == "exp_0001"
