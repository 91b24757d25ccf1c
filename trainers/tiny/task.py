"""The toy task: `a+b=?` with a and b in 0..29, and its splits. Standard library only, seeded, deterministic.

The verifier wants exactly `<answer>N</answer>` (`tagged:answer`). Both orders of a pair, 3+5 and 5+3, always land
in the same split, so that no held-out item is a training item turned round.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

TOP = 30
SEED = 20
VERIFIER = "tagged:answer"
SIZES = {"held_out": 200, "mini_eval": 10, "dev": 60}
"""Items per split. Of the other pairs 620 are for training; ten, mirrors of the mini-eval's, are in no split."""

Pair = tuple[int, int]


def question(pair: Pair) -> str:
    return f"{pair[0]}+{pair[1]}=?"


def answer(pair: Pair) -> str:
    return str(pair[0] + pair[1])


def splits(seed: int = SEED) -> dict[str, list[Pair]]:
    """Every pair, once: held_out, mini_eval, dev, train; shuffled by `seed`, grouped by unordered pair.

    The mini-eval slice is spread evenly over the decades of `a`, because so few items drawn freely would often
    miss one; nothing here has seen a model's answers.
    """
    rng = random.Random(seed)
    groups = [sorted({(a, b), (b, a)}) for a in range(TOP) for b in range(a, TOP)]
    rng.shuffle(groups)
    out: dict[str, list[Pair]] = {"mini_eval": _spread(groups, SIZES["mini_eval"])}
    for name in ("held_out", "dev"):
        out[name] = _take(groups, SIZES[name])
    out["train"] = [pair for group in groups for pair in group]
    for pairs in out.values():
        rng.shuffle(pairs)
    return out


def _take(groups: list[list[Pair]], size: int) -> list[Pair]:
    """Move whole groups out of `groups` until exactly `size` pairs are there (a single fills an odd place)."""
    taken: list[Pair] = []
    while len(taken) < size:
        room = size - len(taken)
        index = next(i for i, group in enumerate(groups) if len(group) <= room)
        taken += groups.pop(index)
    return taken


def _spread(groups: list[list[Pair]], size: int) -> list[Pair]:
    """Move `size` pairs out of `groups`, one of a group, as evenly over the decades of a as `size` allows."""
    taken: list[Pair] = []
    for position in range(size):
        decade = position % (TOP // 10)
        index = next(i for i, group in enumerate(groups) if any(pair[0] // 10 == decade for pair in group))
        taken.append(next(pair for pair in groups.pop(index) if pair[0] // 10 == decade))
    return taken


def write_data(folder: Path, seed: int = SEED) -> dict[str, str]:
    """Write every data file of the task below `folder`; name -> path. Raises OSError.

    `sft_wrong_format` answers right in a format that the verifier does not take; `sft` in the one it takes.
    """
    made = splits(seed)
    train = made["train"]
    files: dict[str, Iterable[Mapping[str, object]]] = {
        "train": (_item("train", p) for p in train),
        "sft_wrong_format": (_chat(p, f"The answer is {answer(p)}.") for p in train),
        "sft": (_chat(p, tagged(answer(p))) for p in train),
        "preferences": (
            {"prompt": question(p), "chosen": tagged(answer(p)), "rejected": rejected(p)} for p in train
        ),
        "dev": (_item("dev", p) for p in made["dev"]),
        "mini_eval": (_item("mini", p) for p in made["mini_eval"]),
        "held_out": (_item("held", p) for p in made["held_out"]),
    }
    return {name: str(_write_jsonl(folder / f"{name}.jsonl", rows)) for name, rows in files.items()}


def tagged(text: str) -> str:
    """`text` in the verifier's format."""
    return f"<answer>{text}</answer>"


def rejected(pair: Pair) -> str:
    """A worse answer for preference data: half the time a wrong format, half the time a wrong number."""
    if (7 * pair[0] + pair[1]) % 2:
        return f"The answer is {answer(pair)}."
    return tagged(str(pair[0] + pair[1] + (1 if pair[1] % 2 else 10)))


def _item(split: str, pair: Pair) -> dict[str, object]:
    return {"id": f"{split}-{pair[0]:02d}-{pair[1]:02d}", "prompt": question(pair), "answer": answer(pair)}


def _chat(pair: Pair, text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question(pair)}, {"role": "assistant", "content": text}]}


def _write_jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Replace `path` by one JSON line a row, by rename; the same rows leave an existing file untouched."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text:
        return path.resolve()
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fresh.write_text(text)
    os.replace(fresh, path)
    return path.resolve()


def content_key(*parts: str) -> str:
    """Twelve hex digits that change when anything that makes the tiny model changes: its sources, and `parts`.

    The sources as the compiler sees them: a comment or a line break does not cost a pretraining.
    """
    digest = hashlib.sha256()
    for name in ("task.py", "tokenizer.py", "pretrain.py"):
        tree = ast.parse((Path(__file__).parent / name).read_bytes())
        digest.update(ast.dump(tree).encode())
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()[:12]
