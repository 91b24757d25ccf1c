"""Secrets of a command: never in what is written down, whole in what the process gets; files and the umask."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

import pytest

from cockpit.contract import atomic
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.system import hidden

SECRET = [
    ("train.py --api-key sk-abcdefghijklmnop1234", "sk-abcdefghijklmnop1234"),
    ("train.py --api_key=hunter22", "hunter22"),
    (
        "train.py --wandb-api-key 0123456789abcdef0123456789abcdef01234567",
        "0123456789abcdef0123456789abcdef01234567",
    ),
    ("train.py --password 'a b c'", "a b c"),
    ("train.py --token=hf_abcdefghijklmnopqrstuv", "hf_abcdefghijklmnopqrstuv"),
    ("train.py --hub_token hf_abcdefghijklmnopqrstuv", "hf_abcdefghijklmnopqrstuv"),
    ("WANDB_API_KEY=abcdef123456 python train.py", "abcdef123456"),
    ("env AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG python train.py", "wJalrXUtnFEMI/K7MDENG"),
    ("train.py --remote https://user:hunter22@host/x", "hunter22"),
    ("train.py postgres://me:hunter22@db:5432/x", "hunter22"),
    ("train.py --header 'Authorization: Bearer abcdef.ghijkl-mnop'", "abcdef.ghijkl-mnop"),
    ("train.py --set x=AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    (
        "bash -c 'export KEY=1; run --with ghp_abcdefghijklmnopqrstuvwxyz0123456789'",
        "ghp_abcdefghijklmnopqrstuvwxyz",
    ),
    ("train.py --jwt eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM", "eyJhbGciOiJI"),
]
NONE = [
    "train.py --max-tokens 512", "train.py --tokenizer gpt2 --eos-token '</s>'", "train.py --pad_token '<pad>'",
    "train.py --num_tokens=1000000 --lr 1e-5", "train.py --use_auth_token true", "train.py --token $HF_TOKEN",
    "python -m torch.distributed.run --nproc 2 train.py", "train.py --url https://host:8080/path",
    "train.py --key-frames 3",
    "train.py --skip-layers 3 --sk-learn x", "train.py --special-tokens a,b --tokens-per-batch 4096",
]  # fmt: skip


@pytest.mark.parametrize(("command", "secret"), SECRET)
def test_a_secret_is_named_where_it_stood_and_kept_for_the_user_alone(
    command: str, secret: str, tmp_path: Path
) -> None:
    layout = WorkspaceLayout(tmp_path)
    layout.private.mkdir()
    words = shlex.split(command)
    shown = hidden.hide(words, layout)
    assert secret not in " ".join([*shown, *hidden.masked(words)])
    assert hidden.revealed(shown, tmp_path) == words
    assert hidden.hide(shown, layout) == shown
    assert stat.S_IMODE((layout.private / hidden.FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("command", NONE)
def test_what_is_no_secret_stays_as_it_stands(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert hidden.masked(words) == words
    assert hidden.hide(words, WorkspaceLayout(tmp_path)) == words


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_files_honour_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        atomic.write_json(tmp_path / "a.json", {})
        atomic.write_json(tmp_path / "a.json", {"again": True})
        atomic.write_bytes(tmp_path / "key", b"x", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600 & ~umask
