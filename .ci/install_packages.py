"""Install the cockpit in place with the versions of its lock, by uv where it may be used, else by pip.

Usage: python .ci/install_packages.py LOCK EXTRAS        (… cockpit/locks/main.txt train,trackers,dev)

uv takes a tenth of pip's time. It knows nothing of pip's settings and does not see a system's packages behind a venv,
so it is left out where pip was told of another index or a proxy and where the venv includes the system's; where it
fails, pip tries. Torch is there already (install_torch.py) and stays as it is.
It needs the standard library and pip alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
ELSEWHERE = ("index-url", "no-index", "proxy")  # settings that say that packages come from somewhere else


def pip_settings() -> str:
    """What pip was told by its files and by the environment, a line each."""
    return subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout


def uv_will_do(settings: str, venv: str) -> bool:
    """Whether uv would install what pip would. `settings` as pip lists them, `venv` its pyvenv.cfg."""
    told = {line.partition("=")[0].rpartition(".")[2] for line in settings.splitlines()}
    lines = (line.replace(" ", "").lower() for line in venv.splitlines())
    return told.isdisjoint(ELSEWHERE) and "include-system-site-packages=true" not in lines


def main(lock: str, extras: str) -> int:
    wanted = ["--constraint", lock, "--editable", f".[{extras}]"]
    config = Path(sys.prefix) / "pyvenv.cfg"
    venv = config.read_text() if config.is_file() else ""
    if uv_will_do(pip_settings(), venv) and run([*PIP, "install", "--quiet", "uv"]) == 0:
        if run([*UV, *wanted], UV_NO_CONFIG="1") == 0:
            return 0
        print("uv could not: pip tries", file=sys.stderr)
    return run([*PIP, "install", "--quiet", *wanted])


def run(command: list[str], **more: str) -> int:
    return subprocess.run(command, env={**os.environ, **more}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
