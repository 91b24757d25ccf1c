"""What an export takes, and what it leaves alone: disk, memory, and folders of others beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cockpit.contract import CockpitError, atomic
from cockpit.services.export import forms, parts


def test_the_quantized_file_counts_beside_the_one_that_it_is_made_of() -> None:
    assert forms.room("q8_0", "q8_0") == pytest.approx(34 / 32)
    assert 2.5 < forms.room("q4_k_m", "f16") < 3.0
    assert 2.2 < forms.room("iq2_xxs", "f16") < forms.room("q6_k", "f16") < forms.room("copy", "f16") == 4.0


def test_what_does_not_fit_is_refused_with_the_number_and_the_cure(tmp_path: Path) -> None:
    from trainers.exports.weights import refuse_without_memory, refuse_without_room

    refuse_without_room(tmp_path, 1)
    with pytest.raises(
        CockpitError, match=r"takes 1073741824\.00 GiB, and the disk has [\d.]+ GiB"
    ) as refused:
        refuse_without_room(tmp_path, 2**60)
    assert "cockpit gc" in refused.value.fix
    refuse_without_memory(2**28, 2**30)
    refuse_without_memory(2**28, None)
    with pytest.raises(CockpitError, match=r"takes 4\.00 GiB of memory, and 3\.00 GiB are free") as refused:
        refuse_without_memory(2**30, 3 * 2**30)
    assert "--format adapter" in refused.value.fix


def test_only_a_killed_exports_own_folder_is_removed(tmp_path: Path) -> None:
    pid = os.getpid()

    def part(name: str, **fields: object) -> Path:
        """A part as an export leaves it, of this process but for `fields`."""
        folder = tmp_path / f".{name}.{pid}.tmp"
        folder.mkdir()
        (folder / "model.safetensors").write_text("half")
        assert parts.sign(folder) is None
        file = folder / "process.json"
        atomic.write_json(file, {**json.loads(file.read_text()), **fields})
        return folder

    gone = {"pid": pid, "start_time": -1.0}  # this process's number, of another's time
    dead, reset = part("dead", supervisor=gone), part("reset", boot_id="another")
    theirs = [
        part("lives"),
        part("elsewhere", supervisor=gone, host="another"),
        part("contained", supervisor=gone, pid_namespace="pid:[1]"),
        part("run", supervisor=gone, launch="abc"),
        part("renamed", supervisor={"pid": pid + 1, "start_time": -1.0}),
    ]
    backup = tmp_path / ".backup.4000000.tmp"
    backup.mkdir()
    with parts.apart(tmp_path / "model") as mine:
        assert sorted(tmp_path.iterdir()) == sorted([*theirs, backup, mine])
        assert not dead.exists()
        assert not reset.exists()
    assert not mine.exists()
