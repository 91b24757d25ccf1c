"""The nearest training text to each held-out item in meaning, by a local sentence-embedding model.

    python -m trainers.model.embed REQUEST.json > ANSWER.json

`{"v": 1, "model": folder, "train": [text, …], "held_out": [text, …], "seconds": 300}`; the answer has, an item:
`[place of the nearest training text, its cosine, the cosine of the nearest other item]`. Nothing is fetched: a model
that isn't in the folder is an error. Training texts that time runs out for are left out, and `read` says how many were.
With `"cache": folder` vectors are kept there by content: the same texts and model are asked once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

VERSION = 1
KIND, FILE = "embeddings", "vectors.safetensors"
BATCH = 64
TOKENS = 128  # a question's worth; what comes later says little about which question it is


def main(argv: list[str]) -> int:
    """Answer the request with one JSON object on stdout; errors are JSON, too."""
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # libraries talk
        request = json.loads(Path(argv[0]).read_text("utf-8"))
        try:
            answer: dict[str, Any] = nearest(request)
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    json.dump(answer, out)
    return 1 if "error" in answer else 0


def nearest(request: dict[str, Any]) -> dict[str, Any]:
    """The whole answer. Raises OSError or ValueError for a folder that holds no such model."""
    import torch

    until = time.monotonic() + float(request.get("seconds", 300))
    embed, folder = Embedder(request["model"]), request.get("cache")
    kept = Path(folder) if folder else None
    items = vectors(embed, request["held_out"], kept)
    among = items @ items.T
    among.fill_diagonal_(-1.0)
    others = among.max(dim=1).values if len(items) > 1 else torch.full((len(items),), -1.0)
    best = torch.full((len(items),), -1.0)
    where = torch.zeros(len(items), dtype=torch.long)
    train = vectors(embed, request["train"], kept, until)
    read = len(train)
    for start in range(0, read, BATCH * 8):
        near = (items @ train[start : start + BATCH * 8].T).max(dim=1)
        better = near.values > best
        best = torch.where(better, near.values, best)
        where = torch.where(better, near.indices + start, where)
    rows = zip(where.tolist(), best.tolist(), others.tolist(), strict=True)
    return {"v": VERSION, "read": read, "nearest": [[w, round(b, 4), round(o, 4)] for w, b, o in rows]}


def vectors(embed: Embedder, texts: list[str], cache: Path | None, until: float = math.inf) -> Any:
    """Vectors [texts read, width] in order: those of the cache, else the model's, as many as fit before `until`."""
    import torch

    from trainers.attempt import cache as caching

    parts = {
        "model": embed.key,
        "texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
        "tokens": TOKENS,
        "libraries": {name: importlib.metadata.version(name) for name in ("torch", "transformers")},
    }
    cache = cache if embed.key else None
    known = caching.found(cache, KIND, parts, _load) if cache is not None else None
    if known is not None:
        return known
    began, made = time.monotonic(), list[Any]()
    for start in range(0, len(texts), BATCH * 8):
        if time.monotonic() > until:
            break
        made.append(embed(texts[start : start + BATCH * 8]))
    found = torch.cat(made) if made else torch.zeros(0, embed.model.config.hidden_size)
    if cache is not None and len(found) == len(texts):
        try:
            caching.keep(
                cache, KIND, parts, functools.partial(_save, found), seconds=time.monotonic() - began
            )
        except OSError as error:
            print(f"[cache] not kept: {error}")
    return found


def _save(made: Any, folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"vectors": made.contiguous()}, folder / FILE)


def _load(folder: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / FILE)["vectors"]


class Embedder:
    """Texts -> unit vectors: the mean over the tokens of a sentence-embedding model's last layer."""

    def __init__(self, folder: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        from trainers.attempt.checkpoints import weights_key

        weights = any(Path(folder).glob("*.safetensors"))
        self.key = weights_key(Path(folder)) if weights else None
        """What it is by content; None where that can't be told."""
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def __call__(self, texts: list[str]) -> Any:
        """Vectors [texts, width], float32, in the order given; of similar length together, so that little is padded."""
        import torch

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found: dict[int, Any] = {}
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                places = order[start : start + BATCH]
                given = self.tokenizer([texts[p] for p in places], padding=True, truncation=True,
                                       max_length=TOKENS, return_tensors="pt")  # fmt: skip
                hidden = self.model(**given).last_hidden_state
                mask = given["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
                found.update(zip(places, torch.nn.functional.normalize(mean, dim=1), strict=True))
        return torch.stack([found[place] for place in range(len(texts))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
