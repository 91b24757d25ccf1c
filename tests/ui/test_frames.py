"""How often the screen may change."""

from __future__ import annotations

import pytest

from cockpit.ui.live.frames import LOCAL_FPS, REMOTE_FPS, FrameCap, frames_per_second


@pytest.mark.parametrize(
    ("environ", "fps"),
    [
        ({}, LOCAL_FPS),
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, REMOTE_FPS),
        ({"SSH_TTY": "/dev/pts/3", "COCKPIT_FPS": "2"}, 2.0),
        ({"COCKPIT_FPS": "1000"}, 30.0),
        ({"COCKPIT_FPS": "fast"}, LOCAL_FPS),
    ],
)
def test_fewer_over_ssh(environ: dict[str, str], fps: float) -> None:
    assert frames_per_second(environ) == fps


def test_the_first_change_at_once_the_others_together_at_the_next_frame() -> None:
    cap = FrameCap(4)
    assert cap.ask(100.0) == 0
    assert cap.ask(100.1) == pytest.approx(0.15)
    assert cap.ask(100.2) is None
    cap.drawn(100.25)
    assert cap.ask(100.3) == pytest.approx(0.2)
    cap.drawn(100.5)
    assert cap.ask(200.0) == 0
