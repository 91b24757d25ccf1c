"""screenshots/make.py: pictures of a workspace, the same when made again."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.ui.drive import HARDWARE
from tests.support.ui.gallery import build

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.ui


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "screenshots")  # where the script itself finds its neighbours
    spec = importlib.util.spec_from_file_location("make", ROOT / "screenshots" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SIZES", ((80, 24),))
    monkeypatch.setattr(module.LocalBackend, "hardware", lambda *_: HARDWARE)
    return module


def test_every_shot_is_made_and_is_the_same_when_made_again(make: ModuleType, tmp_path: Path) -> None:
    build("finished", tmp_path / "ws")
    make.SHOTS = make.SHOTS[:3]
    made: list[dict[str, str]] = []
    for name in ("a", "b"):
        assert make.main([str(tmp_path / "ws"), str(tmp_path / name)]) == 0
        made.append({path.name: path.read_text() for path in (tmp_path / name).iterdir()})
    assert set(made[0]) == {f"{shot.name}_80x24.svg" for shot in make.SHOTS}
    assert made[0] == made[1]
    for picture in made[0].values():
        assert picture.startswith("<svg")
        assert "https://" not in picture.replace("https://www.textualize.io", ""), "no picture calls a server"


def test_a_folder_that_is_no_demo_is_named(
    make: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make.main([]) == 2
    assert make.main([str(tmp_path)]) == 2
    build("empty", tmp_path / "ws")
    assert make.main([str(tmp_path / "ws"), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "no workspace" in said
    assert "has no run of grpo" in said
