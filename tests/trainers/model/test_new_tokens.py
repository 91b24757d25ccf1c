"""Tokens that the base never learnt: seen before training, refused or trained, and loaded again with the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError
from tests.trainers.data.test_shapes import Attempt

pytestmark = pytest.mark.ml
ROWS = [{"prompt": "What time is it?", "completion": "<call>clock"}]


class Adapter(Attempt):
    """An attempt whose recipe trains an adapter with these settings."""

    def __init__(self, model: str, **peft: Any) -> None:
        super().__init__()
        recipe = self.recipe.model_dump() | {"peft": peft, "model": {"name_or_path": model}}
        self.recipe = type(self.recipe).parse(recipe)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, whose tokenizer has one token more than it has embeddings."""
    pytest.importorskip("torch")
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from trainers.tiny import tokenizer as tiny

    folder = tmp_path_factory.mktemp("base")
    tokenizer: Any = tiny.build(["What time is it? clock"] * 3)
    config = Qwen3Config(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=2, intermediate_size=16, head_dim=8)  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.add_tokens(["<call>"])
    tokenizer.save_pretrained(folder)
    return folder


def load(attempt: Any) -> tuple[Any, Any]:
    from trainers.model import loading

    return loading.load_model(attempt.recipe, training=True), loading.load_tokenizer(attempt.recipe)


def test_a_token_without_an_embedding_is_refused_with_both_cures(base: Path):
    from trainers.model import new_tokens

    attempt = Adapter(str(base), r=4)
    model, tokenizer = load(attempt)
    token = len(tokenizer) - 1
    with pytest.raises(CockpitError, match=f"<call> {token}") as caught:
        new_tokens.prepare(model, tokenizer, ROWS, attempt)
    assert f"peft.trainable_token_indices=[{token}]" in caught.value.fix
    assert "peft.modules_to_save" in caught.value.fix
    new_tokens.prepare(model, tokenizer, [{"prompt": "clock"}], attempt)  # not used: nobody need care
    assert attempt.said == []


def test_a_row_that_was_never_trained_is_warned_about(base: Path):
    from trainers.model import new_tokens

    attempt = Adapter(str(base), r=4)
    model, tokenizer = load(attempt)
    model.resize_token_embeddings(len(tokenizer))  # transformers puts the new row at the mean of the others
    new_tokens.prepare(model, tokenizer, ROWS, attempt)
    (said,) = attempt.said
    assert "<call>" in said
    assert "trainable_token_indices" in said


def test_its_embedding_is_trained_saved_and_loaded_with_the_adapter(base: Path, tmp_path: Path):
    import torch
    from peft import get_peft_model

    from trainers.model import loading, new_tokens

    plain = Adapter(str(base), r=4)
    token = len(loading.load_tokenizer(plain.recipe)) - 1
    attempt = Adapter(str(base), r=4, trainable_token_indices=[token])
    model, tokenizer = load(attempt)
    new_tokens.prepare(model, tokenizer, ROWS, attempt)
    config = loading.lora(attempt.recipe, model)
    assert config.trainable_token_indices == [token]
    adapted: Any = get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "trainable_tokens" in name:
                weight.fill_(7.0)
    adapted.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again: Any = loading.load_model(attempt.recipe, training=False, checkpoint=str(tmp_path))
    row = again.get_input_embeddings()(torch.tensor([token]))
    assert torch.all(row == 7.0)


def test_the_embedding_is_read_from_the_file_as_the_model_has_it(base: Path, tmp_path: Path):
    import torch

    from trainers.model import new_tokens

    model, _ = load(Adapter(str(base), r=4))
    for dtype in (torch.float32, torch.bfloat16):
        model.to(dtype).save_pretrained(tmp_path)
        known = new_tokens.embedding_in(tmp_path)
        assert known is not None
        size, rows_of = known
        weights = model.get_input_embeddings().weight.detach().float().numpy()
        assert size == len(weights)
        assert (rows_of([0, 5, size - 1]) == weights[[0, 5, size - 1]]).all()


def test_the_spot_check_names_it(base: Path, tmp_path: Path):
    from cockpit.core.recipe import recipes
    from cockpit.core.spotcheck.mismatch import find_mismatches
    from cockpit.core.spotcheck.rendered import rendered_of
    from tests.support.spot_cases import sides_of
    from trainers.spotcheck.render import render

    file = tmp_path / "train.jsonl"
    file.write_text('{"prompt": "What time is it?", "completion": "<call>clock"}\n')
    recipe = recipes.resolve("sft", experiment_id="exp_0001", model=str(base), verifier="exact", data={
        "train": str(file), "held_out": str(file), "mini_eval": str(file)})  # fmt: skip
    answer = render({"recipe": recipe.model_dump(mode="json"), "has_items": False})
    found = find_mismatches(sides_of(ROWS, [], rendered=rendered_of(answer)))
    (mismatch,) = [m for m in found if m.kind == "new-tokens"]
    assert "<call>" in mismatch.headline
    assert "peft.trainable_token_indices" in mismatch.fix
