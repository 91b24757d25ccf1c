"""Put the right torch into this environment: none where there is one, no CUDA build where there is no GPU.

Usage: python .ci/install_torch.py [SPEC]        SPEC as in `make demo TORCH=…`
  (nothing)      keep an installed torch; else the tested version, as a CPU build where there is no GPU
  keep           use what the environment (or the system's Python) has; fail clearly if it has none
  anything else  handed to pip: `torch==2.9.1`, a wheel, "--index-url … torch"

It needs the standard library and pip alone, since it runs before anything else is installed.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTED = "torch==2.13.0"
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]


def has_gpu() -> bool:
    """Whether a NVIDIA driver answers here."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    return subprocess.run([tool, "-L"], capture_output=True, check=False).returncode == 0


def pulls_cuda(spec: str) -> bool | None:
    """Whether pip would fetch NVIDIA's libraries for `spec`; None where pip can't tell (too old, no network)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*PIP, "--dry-run", "--ignore-installed", "--report", str(report), spec]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return None
        plan = json.loads(report.read_text())
    names = [item["metadata"]["name"].lower() for item in plan["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) or name == "triton" for name in names)


def install(*arguments: str) -> int:
    print("installing", " ".join(arguments), flush=True)
    return subprocess.run([*PIP, *arguments], check=False).returncode


def install_cpu_build() -> int:
    """Let uv choose the CPU build: pip has no way to say so without naming an index."""
    if install("uv") != 0:
        return 1
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    print(f"installing {TESTED} (CPU build)", flush=True)
    return subprocess.run([*command, "--torch-backend", "cpu", TESTED], check=False).returncode


def main(wish: str) -> int:
    there = importlib.util.find_spec("torch") is not None
    if there and wish in ("", "keep"):
        return 0
    if wish == "keep":
        print("TORCH=keep, but this Python has no torch: install one, or leave TORCH out", file=sys.stderr)
        return 1
    if wish:
        return install(*shlex.split(wish))
    if has_gpu() or platform.system() != "Linux":  # elsewhere the plain build is the right one
        return install(TESTED)
    if pulls_cuda(TESTED) is False:
        return install(TESTED)
    return install_cpu_build()


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]).strip()))
