"""The forms in which weights leave the house, and what each takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.contract.errors import CockpitError

ENVIRONMENT = "gguf"
TYPES: Mapping[str, float] = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}
"""What the converter writes, and bytes a parameter (q8_0: 32 numbers of a byte and a scale of two)."""
QUANTIZER = "llama-quantize"
"""llama.cpp's program for all other types: taken where it is in the PATH."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form. `weights`: what is written first, `adapter` or `merged`; `runtime`: what loads it to be scored."""

    name: str
    says: str
    weights: str
    runtime: str = "transformers"

    @property
    def gguf(self) -> bool:
        """Whether the weights become one GGUF file."""
        return self.runtime == "llama.cpp"


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("adapter", "the adapter alone, for its own base", "adapter"),
        Form("merged", "whole weights in safetensors: transformers, vLLM, SGLang", "merged"),
        Form("gguf", "one file for llama.cpp and what is built on it", "merged", "llama.cpp"),
        Form("ollama", "the same, and a Modelfile with template and stop tokens", "merged", "llama.cpp"),
    )
}


def of(name: str) -> Form:
    """Return a form by its name. Raises CockpitError."""
    if name not in FORMS:
        raise CockpitError(f"there is no form {name!r} to export in", f"There is: {', '.join(FORMS)}.")
    return FORMS[name]


def converted_first(kind: str, quantizer: str | None) -> str:
    """Return what the converter writes for a GGUF of this type. Raises CockpitError where nothing makes the type."""
    if kind in TYPES:
        return kind
    if quantizer is None:
        raise CockpitError(
            f"{kind} takes llama.cpp's {QUANTIZER}, which is not in the PATH",
            f"Put it there (llama.cpp's releases have it), or say --type {', '.join(TYPES)}.",
        )
    return "f16"


def room(kind: str, first: str) -> float:
    """Return bytes a parameter of the GGUF files that lie there at once: the converted one, and one quantized from it.

    A type's name says its bits; scales and the tensors that are kept finer add up to two bits a parameter.
    """
    if kind == first:
        return TYPES[first]
    bits = re.search(r"\d+", kind)
    return TYPES[first] + min(2.0, (int(bits[0]) + 2) / 8 if bits else 2.0)
