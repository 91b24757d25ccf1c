"""The nearest training text to each held-out item in meaning, by a local sentence-embedding model.

    python -m trainers.embed REQUEST.json > ANSWER.json

`{"v": 1, "model": folder, "train": [text, …], "held_out": [text, …], "seconds": 300}`; the answer has, an item:
`[place of the nearest training text, its cosine, the cosine of the nearest other item]`. Nothing is fetched: a model
that isn't in the folder is an error. Training texts that time runs out for are left out, and `read` says how many were.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

VERSION = 1
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
    embed = Embedder(request["model"])
    items = embed(request["held_out"])
    among = items @ items.T
    among.fill_diagonal_(-1.0)
    others = among.max(dim=1).values if len(items) > 1 else torch.full((len(items),), -1.0)
    best = torch.full((len(items),), -1.0)
    where = torch.zeros(len(items), dtype=torch.long)
    train: list[str] = request["train"]
    read = 0
    for start in range(0, len(train), BATCH * 8):
        if time.monotonic() > until:
            break
        part = embed(train[start : start + BATCH * 8])
        near = (items @ part.T).max(dim=1)
        better = near.values > best
        best = torch.where(better, near.values, best)
        where = torch.where(better, near.indices + start, where)
        read += len(part)
    rows = zip(where.tolist(), best.tolist(), others.tolist(), strict=True)
    return {"v": VERSION, "read": read, "nearest": [[w, round(b, 4), round(o, 4)] for w, b, o in rows]}


class Embedder:
    """Texts -> unit vectors: the mean over the tokens of a sentence-embedding model's last layer."""

    def __init__(self, folder: str) -> None:
        from transformers import AutoModel, AutoTokenizer

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
