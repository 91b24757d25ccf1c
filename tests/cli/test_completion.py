"""Completion at TAB, asked as a shell asks: commands, options, techniques, experiment ids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COCKPIT = Path(sys.executable).with_name("cockpit")
TAB = """
eval "$("$1" completion bash)"
COMP_LINE="$2"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("exp_0000", "exp_0001", "exp_0012"):
        (tmp_path / ".cockpit/experiments" / name).mkdir(parents=True)
    return tmp_path


def at_tab(line: str, place: Path) -> set[str]:
    """What bash offers at the end of `line`."""
    said = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", str(COCKPIT), line],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    return {word.strip() for word in said.stdout.splitlines() if word.strip()}


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("cockpit la", {"launch"}, {"ls"}),
        ("cockpit show exp_000", {"exp_0000", "exp_0001"}, {"exp_0012"}),
        ("cockpit --dir . show exp_001", {"exp_0012"}, {"exp_0000"}),
        ("cockpit compare exp_0000 exp_00", {"exp_0001", "exp_0012"}, set()),
        ("cockpit new gr", {"grpo"}, {"sft"}),
        ("cockpit launch --wa", {"--wait"}, {"--json"}),
        ("cockpit show -C nowhere exp_", set(), {"exp_0000"}),
    ],
)
def test_bash_offers_what_may_stand_there(
    line: str, offered: set[str], not_offered: set[str], place: Path
) -> None:
    found = at_tab(line, place)
    assert offered <= found
    assert not not_offered & found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_read_its_code(shell: str) -> None:
    code = subprocess.run([COCKPIT, "completion", shell], capture_output=True, text=True, check=True).stdout
    assert "cockpit" in code
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=code, text=True, check=True, env={"PATH": os.environ["PATH"]})
