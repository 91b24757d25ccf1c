"""A tiny vision-language model and what it learns: the word for how bright a plain image is.

Untrained LLaVA with a CLIP of 8x8 patches; made from a seed, without a network, in a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ("dark", "bright")
SIDE = 16
QUESTION = "How bright is it?"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make(folder: Path) -> Path:
    """Write model and processor into `folder`."""
    import torch
    from transformers import (
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        Qwen2Config,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    from trainers.tiny import tokenizer as tiny

    tokenizer: Any = tiny.build([QUESTION, *WORDS] * 20)
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    tokenizer.chat_template = TEMPLATE
    image = tokenizer.convert_tokens_to_ids("<image>")
    torch.manual_seed(0)
    eye = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        image_size=SIDE, patch_size=8, projection_dim=32,
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=eye, text_config=text, image_token_index=image,
        vision_feature_layer=-1, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    size = {"height": SIDE, "width": SIDE}
    seeing = CLIPImageProcessorPil(size=size, crop_size=size)
    processor = LlavaProcessor(
        seeing, tokenizer, patch_size=8, vision_feature_select_strategy="default",
        chat_template=TEMPLATE, image_token="<image>", num_additional_image_tokens=1,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def images(folder: Path, count: int = 24) -> list[tuple[str, str]]:
    """Write plain grey images below `folder`; return each one's path from there, and the word for it."""
    from PIL import Image

    (folder / "images").mkdir(parents=True, exist_ok=True)
    made: list[tuple[str, str]] = []
    for number in range(count):
        word = WORDS[number % 2]
        shade = (20 if word == "dark" else 190) + number
        name = f"images/{number:03d}.png"
        Image.new("RGB", (SIDE, SIDE), (shade,) * 3).save(folder / name)
        made.append((name, word))
    return made


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
