"""An Ollama Modelfile: the file, the template in Ollama's own language, the tokens that end an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.contract.values import mapping

_QUOTES = '"""'
_BRACES = re.compile(r"\{{2,}|\{\Z")


def modelfile(
    file: str, template: Mapping[str, Any] | None, ends: Sequence[str], *, temperature: float, system: str
) -> str:
    """Return the Modelfile of the GGUF `file`; without a template Ollama goes by the one in the file."""
    lines = [f"FROM ./{file}"]
    text = go_template(template) if template else ""
    if text and _QUOTES not in text:
        lines += [f"TEMPLATE {_QUOTES}{text}{_QUOTES}"]
    else:
        lines += [
            "# The chat template is more than texts round each turn: Ollama goes by the one in the file."
        ]
    lines += [f"PARAMETER stop {json.dumps(end, ensure_ascii=False)}" for end in ends if _plain(end)]
    lines += [f"PARAMETER temperature {temperature:g}"]
    if system and _QUOTES not in system:
        lines += [f"SYSTEM {_QUOTES}{system}{_QUOTES}"]
    return "\n".join(lines) + "\n"


def go_template(template: Mapping[str, Any]) -> str:
    """Return the template in Go's language, as Ollama reads it."""
    turns = mapping(template.get("turns"))
    parts: list[str] = []
    for at, role in enumerate(("system", "user", "assistant")):
        before, after = turns[role]
        word = "if" if at == 0 else "else if"
        parts.append(f'{{{{ {word} eq .Role "{role}" }}}}{_text(before)}{{{{ .Content }}}}{_text(after)}')
    default = str(template.get("default") or "")
    opening = f"{{{{ if not .System }}}}{_text(default)}{{{{ end }}}}" if default else ""
    turn = "".join(parts) + "{{ end }}"
    return (
        f"{_text(str(template.get('start') or ''))}{opening}{{{{ range .Messages }}}}{turn}{{{{ end }}}}"
        f"{_text(str(template.get('prompt') or ''))}"
    )


def _text(text: str) -> str:
    """Text within a template: what would begin an action, with what follows the text too, is said as a string."""
    return _BRACES.sub(lambda braces: f'{{{{ "{braces[0]}" }}}}', text)


def _plain(end: str) -> bool:
    return bool(end.strip()) and "\n" not in end
