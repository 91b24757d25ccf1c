"""The doctor's judgements, on machines that we don't have, and on this one."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cockpit.services import doctor
from cockpit.services.doctor import Check
from cockpit.services.system import stack, terminal
from cockpit.services.system.gpus import Gpu
from cockpit.services.system.hardware import Hardware

GB = 1_000_000_000
H100 = Gpu(0, "H100", 0.0, 1 * GB, 80 * GB, 40.0, 90.0)
CUDA = stack.Torch("2.13.0+cu126", "12.6", None, True, ("H100",))
TESTED = dict(stack.TESTED)
SEEN = replace(Hardware().sample(), memory_used=10 * GB, memory_total=64 * GB)
WIDE = os.terminal_size((160, 45))


def term(env: dict[str, str], size: tuple[int, int] = WIDE, encoding: str = "UTF-8") -> terminal.Terminal:
    return terminal.look(env, size=os.terminal_size(size), encoding=encoding)


CASES: list[tuple[Check, str, str]] = [
    (doctor.judge_python((3, 10, 1)), "fail", "3.11 or later"),
    (doctor.judge_python((3, 13, 0)), "ok", "3.13.0"),
    (doctor.judge_stack(TESTED), "ok", "trl 1.16.0"),
    (doctor.judge_stack(TESTED | {"torch": "2.13.1+cu126"}), "ok", "2.13.1+cu126"),
    (doctor.judge_stack(TESTED | {"trl": "1.12.0"}), "warn", "trl (tested: 1.16.0)"),
    (doctor.judge_stack(TESTED | {"peft": None, "trl": None}), "fail", "not installed: trl, peft"),
    (doctor.judge_torch(CUDA, (H100,)), "ok", "CUDA 12.6, sees H100"),
    (doctor.judge_torch(replace(CUDA, available=False, gpus=()), (H100,)), "fail", "sees none of 1 GPU"),
    (
        doctor.judge_torch(replace(CUDA, cuda=None, available=False, gpus=()), (H100,)),
        "warn",
        "built for CPU, though",
    ),
    (doctor.judge_torch(replace(CUDA, bfloat16=False), (H100,)), "warn", "no bfloat16"),
    (doctor.judge_torch(stack.Torch("2.13.0+cpu"), ()), "ok", "built for CPU"),
    (doctor.judge_torch(stack.Torch(error="ImportError: libcudart.so"), ()), "fail", "libcudart"),
    (doctor.judge_gpus(()), "ok", "none"),
    (doctor.judge_gpus((H100,)), "ok", "79 of 80 GB free"),
    (doctor.judge_gpus((H100, replace(H100, index=1, memory_used=60 * GB))), "warn", "In use: 1"),
    (doctor.judge_gpus((replace(H100, memory_used=None),)), "ok", "H100"),
    (doctor.judge_memory(SEEN), "ok", "54.0 of 64.0 GB free"),
    (doctor.judge_memory(replace(SEEN, memory_used=62 * GB)), "warn", "tiny models"),
    (doctor.judge_memory(replace(SEEN, memory_used=64 * GB)), "fail", "0.0 of"),
    (doctor.judge_memory(replace(SEEN, memory_used=None)), "warn", "can't be read"),
    (doctor.judge_disk(500 * GB, Path("/w")), "ok", "500.0 GB free for /w"),
    (doctor.judge_disk(5 * GB, Path("/w")), "warn", "5.0 GB"),
    (doctor.judge_disk(GB // 2, Path("/w")), "fail", "Make room"),
    (doctor.judge_terminal(term({"TERM": "tmux-256color", "COLORTERM": "truecolor"})), "ok", "true colour"),
    (doctor.judge_terminal(term({"TERM": "xterm-256color", "NO_COLOR": "1"})), "ok", "no colours"),
    (
        doctor.judge_terminal(term({"TERM": "xterm"}, encoding="ANSI_X3.4-1968")),
        "warn",
        "16 colours, no UTF-8",
    ),
    (doctor.judge_terminal(term({"TERM": "screen-256color"}, size=(70, 20))), "warn", "at least 80x24"),
    (doctor.judge_terminal(term({})), "ok", "no TERM"),
    (doctor.judge_terminal(term({"TERM": "xterm-kitty"})), "ok", "clipboard by OSC 52"),
    (doctor.judge_terminal(term({"TERM": "screen", "TMUX": "/tmp/x,1,0"})), "ok", "OSC 52 through tmux"),
    (doctor.judge_terminal(term({"TERM": "xterm"})), "ok", "no clipboard that is known of"),
    (doctor.judge_tmux(term({"TMUX": "/tmp/x,1,0"}), True), "ok", "inside tmux"),
    (doctor.judge_tmux(term({}), True), "ok", "installed"),
    (doctor.judge_tmux(term({}), False), "ok", "outlive"),
    (
        doctor.judge_tracker({"WANDB_API_KEY": "k", "MLFLOW_TRACKING_URI": "u"}, {"wandb": "0.31"}),
        "ok",
        "wandb 0.31",
    ),
    (
        doctor.judge_tracker({"MLFLOW_TRACKING_URI": "u"}, {"mlflow": None}),
        "warn",
        "mlflow, which is not installed",
    ),
    (doctor.judge_tracker({}, {"mlflow": "3.17"}), "ok", "none asked for"),
    (doctor.judge_vllm("0.30.0"), "ok", "vllm 0.30.0"),
    (doctor.judge_vllm("0.32.0"), "warn", "0.22 to 0.31"),
    (doctor.judge_vllm(None), "ok", "cockpit env add vllm"),
    (doctor.judge_vllm(None, "0.30.0+cpu"), "ok", "0.30.0+cpu in an environment of its own"),
    (doctor.judge_vllm(None, "0.32.0"), "warn", "0.22 to 0.31"),
    (doctor.judge_slurm(True), "ok", "sbatch"),
    (doctor.judge_slurm(False), "ok", "no Slurm here"),
    (doctor.judge_slurm(True, ""), "warn", "does not answer"),
    (
        doctor.judge_slurm(True, "gpu*|up|infinite|4\nold|down|1:00:00|2"),
        "ok",
        "gpu* (4 nodes, limit infinite)",
    ),
    (doctor.judge_slurm(True, "old|down|1:00:00|2"), "warn", "no partition"),
    (doctor.judge_packages({"trl": "1.16.0", "pyte": "0.8"}, {"trl": "1.16.0+own"}, True), "ok", "as locked"),
    (
        doctor.judge_packages({"trl": "1.16.0", "peft": "0.21.2"}, {"trl": "1.15.0", "peft": "0.21.2"}, True),
        "ok",
        "1 differs from the lock: trl 1.15.0 (locked 1.16.0); `make -B setup`",
    ),
    (
        doctor.judge_packages(dict.fromkeys("abcdef", "1"), dict.fromkeys("abcdef", "2"), True),
        "ok",
        "6 differ from the lock: a 2 (locked 1), b 2 (locked 1), c 2 (locked 1), d 2 (locked 1), 2 more;",
    ),
    (
        doctor.judge_packages({"trl": "1"}, {"trl": "2"}, False),
        "ok",
        "from the ranges (1 of them other than locked)",
    ),
    (doctor.judge_git(False, False), "warn", "Install git"),
    (doctor.judge_git(True, False), "ok", "no repository here"),
    (doctor.judge_walls(("files", "network", "processes", "calls", "space")), "ok", "behind all of them"),
    (doctor.judge_walls(("network", "processes", "calls")), "warn", "reads the Python installation alone"),
    (doctor.judge_shared_memory(64_000_000)[0], "warn", "64 MB"),
    (doctor.judge_logout(True)[0], "warn", "enable-linger"),
]


@pytest.mark.parametrize(
    ("check", "level", "says"), CASES, ids=[f"{c[0].name}-{i}" for i, c in enumerate(CASES)]
)
def test_judgements(check: Check, level: str, says: str) -> None:
    assert (check.level, says in f"{check.message} {check.fix}") == (level, True), check
    if level != "ok":
        assert check.fix or check.name == "memory"


def test_quiet_where_there_is_nothing_to_say() -> None:
    assert doctor.judge_logout(False) == []
    assert doctor.judge_shared_memory(8 * GB) == doctor.judge_shared_memory(None) == []


def test_tokens_are_found_and_never_shown(tmp_path: Path) -> None:
    home = {"HF_HOME": str(tmp_path)}
    assert "not set" in _hub(home)
    assert "found" in _hub(home | {"HF_TOKEN": "hf_veryverysecret"})
    (tmp_path / "token").write_text("hf_fromthefile")
    assert "token found, cache " + str(tmp_path / "hub") in _hub(home)
    assert "offline" in _hub(home | {"HF_HUB_OFFLINE": "1"})
    env = {**os.environ, **home, "HF_TOKEN": "hf_veryverysecret", "WANDB_API_KEY": "w-secret"}
    told = json.dumps([asdict(check) for check in doctor.quick_checks(tmp_path, env=env)])
    assert not re.search("secret|hf_from", told)


def _hub(env: dict[str, str]) -> str:
    return next(check.message for check in doctor.quick_checks(env=env) if check.name == "hugging face")


def test_the_quick_checks_look_at_the_machine_that_they_run_on(tmp_path: Path) -> None:
    env = {"TERM": "xterm-256color", "PATH": os.environ.get("PATH", "")}
    found = {check.name: check for check in doctor.quick_checks(tmp_path, env=env)}
    assert set(found) >= {
        "python",
        "training stack",
        "packages",
        "gpu",
        "memory",
        "disk",
        "terminal",
        "hugging face",
    }
    assert found["python"] == Check("python", "ok", f"Python {platform.python_version()}")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    seen = re.search(r"of ([\d.]+) GB free", found["memory"].message)
    assert seen, found["memory"].message
    assert 0 < float(seen[1]) <= total / GB + 0.1, "a control group may allow less than there is"
    free, said = shutil.disk_usage(tmp_path).free / GB, float(found["disk"].message.split(" GB")[0])
    assert said == pytest.approx(free, rel=0.2)
    assert str(tmp_path) in found["disk"].message
    for package in stack.TESTED:
        version = stack.version(package)
        assert (version if version else package) in found["training stack"].message
    assert ("installed" in found["tmux"].message) == (shutil.which("tmux") is not None)


def test_tested_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    asked = {re.split(r"[<>=]", line)[0]: line for line in project["optional-dependencies"]["train"]}
    for name, version in stack.TESTED.items():
        low = re.search(r"[>=]=([\d.]+)", asked[name])
        assert low
        assert stack.within(version, low[1], "999.0"), name


@pytest.mark.parametrize(
    ("body", "timeout_s", "says"),
    [
        (
            'echo \'{"version": "2.9.1", "cuda": "12.8", "hip": null, "available": true, "gpus": '
            '[{"name": "T4", "memory": 1, "capability": [7, 5]}]}\'',
            9,
            "",
        ),
        ("echo 'ImportError: no torch' >&2; exit 1", 9, "ImportError: no torch"),
        ("echo nonsense", 9, "could not be read"),
        ("exec sleep 30", 0.05, "longer than"),
    ],
)
def test_asking_torch(tmp_path: Path, body: str, timeout_s: float, says: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    torch = stack.ask_torch(str(python), timeout_s)
    assert says in torch.error
    if not says:
        assert (torch.version, torch.gpus, torch.bfloat16, torch.available) == ("2.9.1", ("T4",), False, True)


def test_asking_an_interpreter_that_is_not_there() -> None:
    assert "can't be run" in stack.ask_torch("/no/such/python").error


def test_logout_rules(tmp_path: Path) -> None:
    assert not terminal.ends_at_logout(tmp_path)
    (tmp_path / "etc/systemd/logind.conf.d").mkdir(parents=True)
    (tmp_path / "etc/systemd/logind.conf").write_text("[Login]\n#KillUserProcesses=yes\n")
    assert not terminal.ends_at_logout(tmp_path)
    (tmp_path / "etc/systemd/logind.conf.d/50.conf").write_text("[Login]\nKillUserProcesses = yes\n")
    assert terminal.ends_at_logout(tmp_path)
    (tmp_path / "etc/systemd/logind.conf.d/60.conf").write_text("KillUserProcesses=no\n")
    assert not terminal.ends_at_logout(tmp_path)
