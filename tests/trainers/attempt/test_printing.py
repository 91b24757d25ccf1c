"""A print, or a log line of a library, never stops training, and what it lost is said when there is room again."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from trainers.attempt.printing import never_stop


class Full(io.StringIO):
    """A stream on a disk that is full until it is told otherwise."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


def test_no_print_and_no_log_line_raises_and_the_loss_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Full()
    monkeypatch.setattr(sys, "stdout", disk)
    monkeypatch.setattr(sys, "stderr", disk)
    never_stop()
    print("step 1", flush=True)
    logging.getLogger("cockpit.test").warning("careful")
    sys.stderr.writelines(["a", "b"])
    disk.full = False
    print("step 2", flush=True)
    said = disk.getvalue()
    assert "characters could not be written: No space left on device" in said
    assert said.endswith("step 2\n")
    never_stop()
    assert sys.stdout.isatty() is False, "what else a stream can do goes through"
