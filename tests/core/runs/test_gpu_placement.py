"""Who gets which GPU, and the sentence for who has to wait."""

from __future__ import annotations

import pytest

from cockpit.core.runs.gpu_placement import Claim, Device, Need, never, place

GIB = 2**30


def card(index: int, used: float = 0.5, total: float = 80) -> Device:
    return Device(index, int(used * GIB), int(total * GIB))


BOX = [card(0), card(1), card(2, used=40)]


@pytest.mark.parametrize(
    ("need", "devices", "claims", "gpus"),
    [
        (Need(), BOX, [], (0,)),
        (Need(), BOX, [Claim("exp_1", (0,))], (1,)),
        (Need(2), BOX, [], (0, 1)),
        (Need(memory=30 * GIB), BOX, [Claim("a", (0,)), Claim("b", (1,))], (2,)),
        (Need(share=True), BOX, [Claim("a", (0, 1), share=True)], (0,)),
        (Need(wanted=(1,)), BOX, [Claim("a", (0,))], (1,)),
        (Need(wanted=(0,), share=True), BOX, [Claim("a", (0,), share=True)], (0,)),
        (Need(0), BOX, [Claim("a", (0, 1, 2))], ()),
        (Need(), [Device(0, None, None)], [], (0,)),
        (Need(), [], [], ()),
    ],
)
def test_room_is_found(need: Need, devices: list[Device], claims: list[Claim], gpus: tuple[int, ...]) -> None:
    found = place(need, devices, claims)
    assert found.why == ""
    assert found.gpus == gpus


@pytest.mark.parametrize(
    ("need", "devices", "claims", "says"),
    [
        (Need(), BOX, [Claim("exp_1", (0, 1))], "GPU 0 is taken by exp_1"),
        (Need(), [card(0, used=40)], [], "in use by another program (40 GiB taken)"),
        (Need(3), BOX, [], "needs 3 GPUs, 2 free"),
        (Need(4), BOX, [], "this box has 3"),
        (Need(memory=50 * GIB), [card(0, used=40)], [], "40 GiB free of the 50 GiB"),
        (Need(wanted=(0,)), BOX, [Claim("a", (0,))], "taken by a"),
        (Need(wanted=(0,), share=True), BOX, [Claim("a", (0,))], "taken by a"),
        (Need(wanted=(7,)), BOX, [], "asks for GPU 7, and this box has 0,1,2"),
        (Need(), [], [Claim("exp_9", ())], "exp_9 runs"),
    ],
)
def test_who_waits_is_told_why(need: Need, devices: list[Device], claims: list[Claim], says: str) -> None:
    found = place(need, devices, claims)
    assert says in found.why
    assert found.gpus == ()


def test_two_slots_on_a_box_without_gpus() -> None:
    assert place(Need(), [], [Claim("a", ())], cpu_slots=2).why == ""
    assert "a, b run" in place(Need(), [], [Claim("a", ()), Claim("b", ())], cpu_slots=2).why


@pytest.mark.parametrize(
    ("need", "says"),
    [
        (Need(4), "needs 4 GPUs"),
        (Need(wanted=(5,)), "asks for GPU 5"),
        (Need(memory=100 * GIB), "needs 100 GiB on each GPU"),
        (Need(3), ""),
        (Need(memory=79 * GIB), ""),
        (Need(0), ""),
    ],
)
def test_what_can_never_run_here_is_said_at_once(need: Need, says: str) -> None:
    found = never(need, BOX)
    assert (says in found) if says else found == ""
