"""One message a cause, whoever looks, through quiet hours and failures; fakes answer here."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cockpit.contract.layout import WorkspaceLayout
from cockpit.core.alerts import Cause, Settings
from cockpit.services.alerts import record
from cockpit.services.alerts.record import Teller
from cockpit.services.alerts.sending import Target, send, targets


class Phone:
    """A target that keeps what it is told, or refuses it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.tried = 0
        self.works = True

    def deliver(self, title: str, text: str) -> tuple[bool, str]:
        self.tried += 1
        if self.works:
            self.got.append((title, text))
        return self.works, "delivered" if self.works else "it is off"


def cause(name: str) -> Cause:
    return Cause(name, "exp_0001", f"exp_0001 {name}", f"it {name}", "look at it")


class Desk:
    """A workspace's record with one phone, and a clock that a test sets."""

    def __init__(self, root: Path) -> None:
        self.layout = WorkspaceLayout(root)
        self.phone = Phone()
        self.minute = 12 * 60

    def tell(self, *names: str, tries: int = 1) -> bool:
        settings = Settings(to=("env:PHONE",), quiet=(22 * 60, 7 * 60))
        phone = Target("env:PHONE", self.phone.deliver)
        teller = Teller(self.layout, "ws", settings, [phone], clock=lambda: 1e9, minute=lambda: self.minute)
        return teller.tell(lambda: [cause(name) for name in names], tries=tries)

    @property
    def log(self) -> str:
        path = record.log_of(self.layout)
        return path.read_text() if path.exists() else ""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_cause_is_told_once_and_a_new_one_by_itself(desk: Desk) -> None:
    assert [desk.tell("ended"), desk.tell("ended"), desk.tell("ended", "diverges")] == [False] * 3
    assert [text.splitlines()[0] for _, text in desk.phone.got] == [
        "exp_0001: it ended",
        "exp_0001: it diverges",
    ]
    assert desk.log == ""


def test_many_who_look_at_once_tell_once(desk: Desk) -> None:
    threads = [threading.Thread(target=desk.tell, args=("ended",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.phone.got) == 1


def test_what_falls_in_quiet_hours_comes_in_one_message_at_their_end(desk: Desk) -> None:
    desk.minute = 23 * 60
    assert not desk.tell("diverges")
    desk.minute = 3 * 60
    assert not desk.tell("diverges", "ended")
    assert desk.phone.got == []
    assert desk.log.count("quiet until 07:00") == 2
    desk.minute = 7 * 60
    desk.tell("woke")
    [(title, text)] = desk.phone.got
    assert "and 2 more" in title
    assert all(f"it {name}" in text for name in ("diverges", "ended", "woke"))
    desk.tell("diverges", "ended", "woke")
    assert len(desk.phone.got) == 1


def test_a_failure_is_tried_twice_more_then_left_and_said(desk: Desk) -> None:
    desk.phone.works = False
    assert desk.tell("ended")
    assert "it is off" in record.trouble(desk.layout)
    assert desk.tell("ended"), "another process does not try it sooner"
    assert desk.phone.tried == 1
    assert desk.tell("ended", tries=2)
    assert not desk.tell("ended", tries=3)
    assert desk.phone.tried == 3
    assert "not tried again" in desk.log
    desk.phone.works = True
    desk.tell("ended", tries=3)
    assert desk.phone.got == [], "what was given up is not sent days later"
    desk.tell("starts")
    assert record.trouble(desk.layout) == ""


def test_who_was_reached_is_not_told_again_because_another_was_not(desk: Desk) -> None:
    other = Phone()
    other.works = False
    both = [Target("a", desk.phone.deliver), Target("b", other.deliver)]
    teller = Teller(desk.layout, "ws", Settings(to=("a", "b")), both)
    assert teller.tell(lambda: [cause("ended")])
    other.works = True
    assert not teller.tell(tuple, tries=2)
    assert (len(desk.phone.got), len(other.got)) == (1, 1)


@pytest.mark.parametrize("text", ["", "[]", '{"sent": 3, "waiting": [1, {"causes": [{}]}], "failed": []}'])
def test_a_broken_record_is_no_fault(desk: Desk, text: str) -> None:
    desk.layout.private.mkdir()
    record.path_of(desk.layout).write_text(text)
    assert not desk.tell("ended")
    assert len(desk.phone.got) == 1


def test_a_target_that_hangs_or_breaks_is_left_alone() -> None:
    never = threading.Event()
    hangs = Target("slow", lambda *_: (never.wait(), "")[0:2])  # type: ignore[arg-type]
    assert not send(hangs, "t", "x", within_s=0.05).delivered

    def breaks(*_: str) -> tuple[bool, str]:
        raise ValueError("json://me:hunter2@example.org")

    answer = send(Target("odd", breaks), "t", "x")
    assert (answer.delivered, answer.says) == (False, "it failed with ValueError")
    never.set()


def test_a_command_reads_the_text_and_says_how_it_ended(tmp_path: Path) -> None:
    words = ("sh", "-c", 'cat > told; echo "$COCKPIT_ALERT_TITLE" >> told')
    [target] = targets(Settings(command=words), tmp_path)
    assert send(target, "a title", "a text").delivered
    assert (tmp_path / "told").read_text() == "a text\na title\n"
    [fails] = targets(Settings(command=("sh", "-c", "exit 3")), tmp_path)
    assert "exit code 3" in send(fails, "t", "x").says
    [missing] = targets(Settings(command=("./nowhere",)), tmp_path)
    assert "./nowhere could not be started" in send(missing, "t", "x").says
