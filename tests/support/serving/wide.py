"""The tiny model with wider heads that compute the same: vLLM's CPU attention has no kernel for heads of 16.

A head's dimension i becomes 2i, its rotary partner i + 8 becomes 2i + 16, all others are zero. Rotary frequencies are
theta ** (-2j / head_dim), so each pair keeps its own. Half of a head being zero makes its RMS norm larger by sqrt(2),
which the query keeps, since the scores are now divided by sqrt(32), and the key's norm takes back.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any


def widen(tiny: Path, folder: Path) -> Path:
    """Write the model of the folder `tiny` to `folder` with heads of twice the size; gives `folder`."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

    old: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    narrow = old.config.head_dim
    settings = {**old.config.to_dict(), "head_dim": 2 * narrow}
    new: Any = Qwen3ForCausalLM(Qwen3Config(**settings))
    places = torch.cat([torch.arange(0, narrow, 2), torch.arange(0, narrow, 2) + narrow])
    state = {}
    for name, value in old.state_dict().items():
        kind = name.split(".")[-2]
        if kind in ("q_norm", "k_norm"):
            wide = torch.zeros(2 * narrow)
            wide[places] = value / (math.sqrt(2) if kind == "k_norm" else 1)
        elif kind in ("q_proj", "k_proj", "v_proj", "o_proj"):
            rows = value.T if kind == "o_proj" else value
            heads = rows.reshape(-1, narrow, rows.shape[-1])
            wide = torch.zeros(heads.shape[0], 2 * narrow, rows.shape[-1])
            wide[:, places] = heads
            wide = wide.reshape(-1, rows.shape[-1])
            wide = wide.T.contiguous() if kind == "o_proj" else wide
        else:
            wide = value
        state[name] = wide
    new.load_state_dict(state)
    new.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        shutil.copyfile(tiny / name, folder / name)
    return folder
