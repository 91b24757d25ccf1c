"""Secrets in a command or its environment: told apart, kept in a file for the user alone, and named where they stood.

What is written down, shown or sent says `{secret:…}` or `***`; the process gets the value.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cockpit.contract import atomic, lock
from cockpit.contract.layout import WorkspaceLayout

FILE = "secrets.json"
_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:(?:api|access|auth|account|secret|private|signing|encryption|license|client|hub|hf|wandb|bearer|"
    r"session|refresh|id|bot|git|github|push|deploy)[_.-]?(?:key|token)|apikey|token|secret|secrets|passw(?:or)?d|pwd|"
    r"passphrase|credentials?|authorization)(?:$|[_.-](?:key|id|value|hex|b64|base64)$)"
)
_PLAIN = re.compile(
    r"(?i)(?:|true|false|yes|no|none|null|\d{1,6}|<[^<>]*>|\[[A-Z]+\]|\$\{?\w+\}?|\{secret:\w+\})"
)
_VALUE = re.compile(
    r"\b(?:sk|rk|pk|gsk|hf|rpa|ghp|gho|ghs|ghu|r8|nvapi|xai|pplx|dop_v1|glpat|npm|wandb_v1|tgp_v1)[-_][\w-]{16,}"
    r"|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}"
    r"|\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*|(?<=://)(?!\{secret)(?:[^/\s:@]*:[^/\s@]+|[^/\s:@]{16,})(?=@)"
    r"|(?<=[Bb]earer )\S{8,}|(?<=[Bb]asic )\S{12,}"
)
_ASSIGNED = re.compile(r"(?s)(-{0,2}[A-Za-z_][\w.-]*)([=:])\s*(.+)")
_OPTION = re.compile(r"-{1,2}[A-Za-z][\w.-]*")
_STOOD = re.compile(r"\{secret:([0-9a-f]{12})\}")


def masked(words: Iterable[str]) -> list[str]:
    """The words with what looks like a secret replaced by `***`."""
    return _replaced(words, lambda _: "***")


def hide(words: Iterable[str], layout: WorkspaceLayout) -> list[str]:
    """The words with each secret named instead; the values go into a file of the workspace for the user alone."""
    fresh: dict[str, str] = {}

    def name(value: str) -> str:
        key = next((k for k, v in fresh.items() if v == value), None) or secrets.token_hex(6)
        fresh[key] = value
        return f"{{secret:{key}}}"

    shown = _replaced(words, name)
    if fresh:
        path = layout.private / FILE
        with lock.take(layout.private / f"{FILE}.lock", wait_s=10.0):
            atomic.write_json(path, {**(atomic.read_object(path) or {}), **fresh}, mode=0o600)
    return shown


def hide_values(variables: Mapping[str, str], layout: WorkspaceLayout) -> dict[str, str]:
    """The same for variables of the environment."""
    hidden = hide((f"{name}={value}" for name, value in variables.items()), layout)
    return {name: word.partition("=")[2] for name, word in zip(variables, hidden, strict=True)}


def revealed(words: Iterable[str], workspace: Path) -> list[str]:
    """The words as they were given. Raises ValueError with a sentence where the workspace's file lacks one."""
    told = list(words)
    if not any(_STOOD.search(word) for word in told):
        return told
    path = WorkspaceLayout(workspace).private / FILE
    kept = atomic.read_object(path) or {}

    def value(match: re.Match[str]) -> str:
        found = kept.get(match[1])
        if not isinstance(found, str):
            raise ValueError(f"{match[0]} of its command isn't kept in {path}: draft it anew with --command")
        return found

    return [_STOOD.sub(value, word) for word in told]


def _replaced(words: Iterable[str], put: Callable[[str], str]) -> list[str]:
    shown: list[str] = []
    named = False  # by the option before
    for word in words:
        assigned = _ASSIGNED.fullmatch(word)
        if named and not _OPTION.fullmatch(word) and not _PLAIN.fullmatch(word):
            shown.append(put(word))
        elif assigned and _NAME.search(assigned[1]) and not _PLAIN.fullmatch(assigned[3]):
            shown.append(word[: assigned.start(3)] + put(assigned[3]))
        else:
            shown.append(_VALUE.sub(lambda match: put(match[0]), word))
        named = bool(_OPTION.fullmatch(word) and _NAME.search(word))
    return shown
