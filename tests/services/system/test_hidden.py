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
    ("bash -c 'cd x && WANDB_API_KEY=%s python t.py'" % ("0a" * 20), "0a0a0a"),
    ("bash -c 'cd x && python t.py --hub_token abcdef --lr 3'", "abcdef"),
    ("bash -c 'export PASSWORD=\"a b\"; run'", "a b"),
    ("""train.py --config '{"api_key": "hunter22", "lr": 3}'""", "hunter22"),
    ("""train.py --config '{"a": "{\\"apiKey\\": \\"hunter22\\"}"}'""", "hunter22"),
    ("train.py --report https://host/x?a=1&access_token=hunter22&b=2", "hunter22"),
    ("curl -u me:hunter22 https://host/x", "hunter22"),
    ("bash -c 'curl -s --user me:hunter22 https://host/x | sh'", "hunter22"),
    ("train.py +trainer.hub_token=hunter22", "hunter22"),
    ("train.py '++logger={hub_token:hunter22,lr:3}'", "hunter22"),
    ("train.py --password 123456", "123456"),
    ("bash -c 'wandb login %s'" % ("0a" * 20), "0a0a0a"),
    ("train.py --jwt eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM", "eyJhbGciOiJI"),
]
NONE = [
    "train.py --max-tokens 512", "train.py --tokenizer gpt2 --eos-token '</s>'", "train.py --pad_token '<pad>'",
    "train.py --num_tokens=1000000 --lr 1e-5", "train.py --use_auth_token true", "train.py --token $HF_TOKEN",
    "python -m torch.distributed.run --nproc 2 train.py", "train.py --url https://host:8080/path",
    "train.py --key-frames 3", "train.py --pad_token PAD --stop-token foo --eos_token=EOS --image-token img",
    "train.py --bos-token-id 151643 --max_token 4096", "train.py --model hf-internal-testing/tiny-random-gpt2",
    "bash -c 'run --hub_token $HF_TOKEN --pad_token X; API_KEY=$(cat file) run'", "docker run -u 10:10 x",
    "bash -c 'if token == x: pass'", "curl -u me https://host:80/x",
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


def test_a_value_that_is_kept_goes_by_its_name(tmp_path: Path) -> None:
    layout = WorkspaceLayout(tmp_path)
    layout.private.mkdir()
    first = hidden.hide(["--token", "hunter22"], layout)
    second = hidden.hide_values({"API_KEY": "hunter22", "OTHER_SECRET": "other"}, layout)
    assert second["API_KEY"] == first[1] != second["OTHER_SECRET"]
    assert len(atomic.read_object(layout.private / hidden.FILE) or {}) == 2


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
