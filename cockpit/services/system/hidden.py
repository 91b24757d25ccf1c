"""Secrets in a command or its environment: told apart, kept in a file for the user alone, and named where they stood.

What is written down, shown or sent says `{secret:…}` or `***`; the process gets the value.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from cockpit.contract import atomic, lock
from cockpit.contract.layout import WorkspaceLayout

FILE = "secrets.json"
_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:(?:api|access|auth|account|secret|private|signing|encryption|license|client|hub|hf|wandb|bearer|"
    r"session|refresh|id|bot|git|github|push|deploy)[_.-]?(?:key|token)|apikey|token|secret|secrets|passw(?:or)?d|pwd|"
    r"passphrase|credentials?|authorization)(?:$|[_.-](?:key|id|value|hex|b64|base64)$)"
)
_OF_TEXT = re.compile(
    r"(?i)(?:^|[_.-])(?:pad|eos|bos|eot|eom|eod|boi|eoi|stop|start|end|begin|image|video|audio|vision|unk|sep|mask|cls|"
    r"think|special|prefix|suffix|middle|fim|newline|system|user|assistant|tool|response|instruction|prompt|separator|"
    r"delimiter|control|placeholder|max|min|num|n|per|total|first|last|next|new)[_.-]?token(?:[_.-]id)?$"
)  # a token of the tokenizer's, or how many there are
_PLAIN = re.compile(
    r"(?i)(?:|[01]|true|false|yes|no|none|null|<[^<>]*>|\[[A-Z]+\]|\$\{?\w+\}?|\$\(.*\)|os\.(?:environ|getenv)\b.*|"
    r"\{secret:\w+\})"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VALUE = re.compile(
    r"\b(?:sk|rk|pk|gsk|hf|rpa|ghp|gho|ghs|ghu|r8|nvapi|xai|pplx|dop_v1|glpat|npm|wandb_v1|tgp_v1)"
    r"[-_](?:[A-Za-z0-9]{16}|(?=[\w-]*\d)[\w-]{16})[\w-]*"
    r"|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}"
    r"|\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*|(?<=://)(?!\{secret)(?:[^/\s:@]*:[^/\s@]+|[^/\s:@]{16,})(?=@)"
    r"|(?<=[Bb]earer )(?!\{secret)\S{8,}|(?<=[Bb]asic )(?!\{secret)\S{12,}|(?<=wandb login )[0-9a-f]{40}\b"
)
_ASSIGNED = re.compile(r"(?s)([-+~]{0,2}[A-Za-z_][\w.-]*)([=:])\s*(.+)")
_INSIDE = re.compile(
    r"""\{secret:[0-9a-f]{12}\}|(?<![\w.-])(?P<name>(?P<option>-{1,2})?[A-Za-z_][\w.-]*+)"""
    r"""(?:(?:\\?["'])?\]?\s*(?:=>|:=|[=:](?!=))\s*|(?(option)\s+(?!-{1,2}[A-Za-z])|(?!)))"""
    r"""(?P<quote>\\?["'])?(?P<value>(?(quote)(?:(?!(?P=quote))[^\\]|\\(?!["']).|(?!(?P=quote))\\.)*|(?:"""
    r"""\{secret:\w+\}|\$\([^)]*\)|(?:(?i:bearer|basic|token)\s+)?(?:[^\s"'`;|&<>()\\]|\\(?!["']).)+)))""",
    re.DOTALL,
)
"""A name and its value within a word: of a shell's script, JSON, a URL's query. Possessive, so that it is linear."""
_OPTION = re.compile(r"-{1,2}[A-Za-z][\w.-]*")
_SCRIPT = re.compile(r"-[a-z]*c|--wrap|eval")
_CALLS = re.compile(r"(?:^|[\s;&|(/])(?:curl|xh|https?)(?:\s|$)")
_ACCOUNT = r"-[uUa]|--user|--proxy-user|--auth"
_LOGIN = re.compile(rf"""(?<![\w-])(?:{_ACCOUNT})[\s=]*["']?([^\s"':{{}}-][^\s"':{{}}]*:[^\s"']+)""")
_IN_BRACES = re.compile(r"(?:\{secret:\w+\}|[^,}\]])*")
_STOOD = re.compile(r"\{secret:([0-9a-f]{12})\}")


def masked(words: Iterable[str]) -> list[str]:
    """The words with what looks like a secret replaced by `***`."""
    return _replaced(list(words), lambda _: "***")


def hide(words: Iterable[str], layout: WorkspaceLayout) -> list[str]:
    """The words with each secret named instead; the values go into a file of the workspace for the user alone.

    A value that is kept already goes by the name that it has.
    """
    told = list(words)
    found: list[str] = []
    _replaced(told, lambda value: found.append(value) or "")
    if not found:
        return told
    path = layout.private / FILE
    with lock.take(layout.private / f"{FILE}.lock", wait_s=10.0):
        kept = dict(atomic.read_object(path) or {})
        names = {value: name for name, value in kept.items() if isinstance(value, str)}
        for value in found:
            if value not in names:
                names[value] = secrets.token_hex(6)
                kept[names[value]] = value
        atomic.write_json(path, kept, mode=0o600)
    return _replaced(told, lambda value: f"{{secret:{names[value]}}}")


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


def setting_with_secret(settings: Mapping[str, object], where: str = "") -> str | None:
    """The name of the first setting that holds a secret, however deep; None where there is none."""
    for key, value in settings.items():
        name = f"{where}{key}"
        for one in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                inner = setting_with_secret(cast("Mapping[str, object]", one), f"{name}.")
                if inner is not None:
                    return inner
            elif isinstance(one, str) and _holds(key, one):
                return name
    return None


def _holds(name: str, text: str) -> bool:
    if _is_secret(name, text) or _VALUE.search(text):
        return True
    return name == "setup" and masked([text]) != [text]  # lines of a shell


def _is_secret(name: str, value: str) -> bool:
    name = _CAMEL.sub("_", name)
    if _PLAIN.fullmatch(value) or (value.isdecimal() and name.lower().endswith("id")):
        return False
    return bool(_NAME.search(name)) and not _OF_TEXT.search(name)


def _replaced(words: Sequence[str], put: Callable[[str], str]) -> list[str]:
    shown: list[str] = []
    before, calls = "", any(map(_CALLS.search, words))
    for word in words:
        assigned = None if _SCRIPT.fullmatch(before) else _ASSIGNED.fullmatch(word)
        login = calls and re.fullmatch(_ACCOUNT, before) and ":" in word and not _PLAIN.fullmatch(word)
        named = _OPTION.fullmatch(before) and not _OPTION.fullmatch(word) and _is_secret(before, word)
        if named or login:
            shown.append(put(word))
        elif assigned and _is_secret(assigned[1], assigned[3]):
            shown.append(word[: assigned.start(3)] + put(assigned[3]))
        else:
            shown.append(_within(word, put, calls=calls))
        before = word
    return shown


def _within(word: str, put: Callable[[str], str], *, calls: bool) -> str:
    """The word with the secrets replaced that stand somewhere in it."""
    spans = [match.span() for match in _VALUE.finditer(word)] + list(_named_within(word))
    spans += [match.span(1) for match in _LOGIN.finditer(word)] if calls else []
    shown, at = "", 0
    for begun, ended in sorted(spans, key=lambda span: (span[0], -span[1])):
        if ended > at:
            shown += word[at:begun] + put(word[max(at, begun) : ended])
            at = ended
    return shown + word[at:]


def _named_within(word: str) -> Iterator[tuple[int, int]]:
    at = depth = looked = 0
    while (match := _INSIDE.search(word, at)) is not None:
        at = match.end()
        if match["name"] is None:
            continue
        begun, ended = match.span("value")
        depth += word.count("{", looked, begun) - word.count("}", looked, begun)
        looked = begun
        inner = _IN_BRACES.match(word, begun, ended) if match["quote"] is None and depth > 0 else None
        ended = inner.end() if inner else ended
        if _is_secret(match["name"], word[begun:ended]):
            yield begun, ended
            at = ended
        else:
            at = match.end("name")
