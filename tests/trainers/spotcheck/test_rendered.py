"""What only tokens show: templates, BOS and EOS, generation prompt, thinking, truncation, loss mask.

Real tokenizers with the templates that go wrong in the field, through `trainers.spotcheck.render` itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.core.spotcheck.mismatch import find_mismatches, verdict_of
from cockpit.core.spotcheck.rendered import rendered_of
from cockpit.core.spotcheck.sides import sides_of
from cockpit.verifiers import load
from tests.support.spot_cases import APPLES, BOX, CHINESE, HEBREW, N, held_out, rows, said, train

pytestmark = pytest.mark.ml

TURNS = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
OPENING = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML = TURNS + OPENING
SMOLLM2 = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are SmolLM.<|im_end|>\n{% endif %}"
    + CHATML
)
# Qwen3's way: without thinking, the prompt of an answer holds an empty block that training doesn't show.
EMPTY_THINK = TURNS + (
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
ALWAYS_EMPTY_THINK = TURNS + (
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
# Qwen3 writes the empty block into training as well, where the loss is taken on it: the two agree.
THINKS_IN_TRAINING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    + OPENING
)
DROPS_THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'].split('</think>')[-1] }}<|im_end|>\n"
    "{% endfor %}" + OPENING
)
NO_EOS = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
NO_OPENING = TURNS
WITH_BOS = "<s>" + CHATML
BLANK = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{{ 'assistant\n ' }}{% endif %}"
)
TRIMS = CHATML.replace("m['content']", "m['content'] | trim")
DATED = "{% if add_generation_prompt %}<|im_start|>system\nToday is Monday.<|im_end|>\n{% endif %}" + CHATML


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory):
    """A model folder with the template that is asked for; `bos`: the tokenizer puts `<s>` before every text."""
    pytest.importorskip("transformers")
    from trainers.tiny import tokenizer as tiny

    corpus = [APPLES, BOX(3), "You are a mathematician. Answer step by step.", "word " * 20]

    def make(template: str | None, *, bos: bool = False, eos: bool = True) -> str:
        from tokenizers.processors import TemplateProcessing

        folder = tmp_path_factory.mktemp("model")
        made: Any = tiny.build(corpus)
        if bos:
            made.add_special_tokens({"bos_token": "<s>"})
            token = made.convert_tokens_to_ids("<s>")
            made.backend_tokenizer.post_processor = TemplateProcessing(
                single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", token)]
            )
        if not eos:
            made.eos_token = None
        made.chat_template = template
        made.model_max_length = 1_000_000
        made.save_pretrained(folder)
        (folder / "config.json").write_text(
            json.dumps({"model_type": "qwen3", "max_position_embeddings": 1_000_000})
        )
        return str(folder)

    return make


def look(
    folder: str, tmp_path: Path, train_rows: list[dict[str, Any]], items: list[dict[str, Any]], *,
    trainer: dict[str, Any] | None = None, serve: str | None = None, system: str | None = None,
    thinking: bool | None = None, limit: int = 256,
) -> Any:  # fmt: skip
    """Both sides, rendered, and what is found."""
    from trainers.spotcheck.render import render

    files: dict[str, str] = {}
    for name, many in (("train", train_rows), ("held_out", items)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in many))
        files[name] = str(path)
    recipe = {
        "v": 1, "experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": folder},
        "data": {**files, "mini_eval": files["held_out"], "system_prompt": system}, "verifier": "boxed",
        "generation": {"enable_thinking": thinking, "max_new_tokens": limit}, "trainer": trainer or {},
    }  # fmt: skip
    answer = render(
        {"recipe": recipe, "rows": [0], "items": [0], "systems": ["", system or ""], "serve": serve}
    )
    json.dumps(answer)
    sides = sides_of(
        train_rows, items, load("boxed"), system_prompt=system, enable_thinking=thinking, max_new_tokens=limit,
        rendered=rendered_of(answer),
    )  # fmt: skip
    return answer, find_mismatches(sides)


def kinds(found: Any) -> set[str]:
    return {m.kind for m in found}


BASE = rows(lambda n: {"prompt": APPLES.replace("{n}", str(n)), "completion": BOX(n)})
LONG = train(lambda n: "word " * 30_000 + f"\\boxed{{{n + 3}}}")[:2]
TALKS = rows(lambda n: {"messages": [
    {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello, what is it?"},
    {"role": "user", "content": APPLES.replace("{n}", str(n))}, {"role": "assistant", "content": BOX(n)},
]})  # fmt: skip

HEALTHY = {
    "ChatML": (CHATML, {}, train(BOX), held_out(), {}),
    "a template with a system prompt of its own": (SMOLLM2, {}, train(BOX), held_out(), {}),
    "the same system prompt in the data and in the recipe": (
        SMOLLM2, {}, train(BOX, system="Be exact."), held_out(), {"system": "Be exact."}),
    "a base model's plain text": (None, {}, BASE, held_out(), {}),
    "a base model that puts a BOS": (None, {"bos": True}, BASE, held_out(), {}),
    "a template that writes the BOS": (WITH_BOS, {"bos": True}, train(BOX), held_out(), {}),
    "thinking off, no switch used": (EMPTY_THINK, {}, train(BOX), held_out(), {}),
    "an empty block that training teaches to write": (THINKS_IN_TRAINING, {}, train(BOX), held_out(), {}),
    "long rows with room for them": (CHATML, {}, LONG, held_out(), {"trainer": {"max_length": None}, "limit": 90_000}),
    "conversations of several turns": (CHATML, {}, TALKS, held_out(), {}),
    "a template that strips": (TRIMS, {}, train(lambda n: BOX(n) + "\n"), held_out(), {}),
    "Chinese": (CHATML, {}, train(said("他一共有{a}个苹果。\n\\boxed{{a}}"), CHINESE), held_out(CHINESE), {}),
    "right to left": (CHATML, {}, train(said("\\boxed{{a}}"), HEBREW), held_out(HEBREW), {}),
    "emoji, escapes, markup": (CHATML, {}, train(said("👩‍👩‍👧 [b]\x1b[31m\\boxed{{a}}"), "🍎\x1b[2J {n}"),
                               held_out("🍎\x1b[2J {n}"), {}),
    "rows that are cut after the answer": (
        CHATML, {}, train(lambda n: f"\\boxed{{{n + 3}}} " + ("word " * 500).strip()), held_out(),
        {"trainer": {"max_length": 300}, "limit": 900}),
}  # fmt: skip

SICK = {
    "an empty thinking block at eval": (EMPTY_THINK, {}, train(BOX), held_out(), {"thinking": False}, "thinking"),
    "an empty thinking block at eval, whatever the switch": (
        ALWAYS_EMPTY_THINK, {}, train(BOX), held_out(), {}, "thinking"),
    "a base model without any end token": (None, {"eos": False}, BASE, held_out(), {}, "eos"),
    "thinking that the template drops": (
        DROPS_THINKING, {}, train(lambda n: "<think>so it is</think>" + BOX(n)), held_out(), {}, "thinking"),
    "a base model's template without an end token": (NO_EOS, {}, train(BOX), held_out(), {}, "eos"),
    "a template that opens no answer": (NO_OPENING, {}, train(BOX), held_out(), {}, "generation-prompt"),
    "a template that forgets the BOS": (CHATML, {"bos": True}, train(BOX), held_out(), {}, "bos"),
    "the BOS in the text and by the tokenizer": (
        None, {"bos": True}, rows(lambda n: {"text": f"<s>What is {n} plus 3? \\boxed{{{n + 3}}}"}), held_out(), {},
        "bos"),
    "answers behind the maximum length": (
        CHATML, {}, train(lambda n: "word " * 80 + BOX(n)), held_out(), {"trainer": {"max_length": 64}}, "truncation"),
    "answers longer than the scorer's limit": (CHATML, {}, train(BOX), held_out(), {"limit": 5}, "truncation"),
    "the loss on the prompt": (
        CHATML, {}, train(BOX), held_out(), {"trainer": {"completion_only_loss": False}}, "loss-mask"),
    "a blank after the opening": (BLANK, {}, train(BOX), held_out(), {}, "whitespace"),
    "the data's markers inside the template's": (
        CHATML, {}, train(BOX, "<|im_start|>user\n" + APPLES + "<|im_end|>"),
        held_out("<|im_start|>user\n" + APPLES + "<|im_end|>"), {}, "chat-template"),
    "another system prompt than the eval's": (
        SMOLLM2, {}, train(BOX, system="You are a poet."), held_out(), {}, "system-prompt"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_renderings_are_matched(name: str, build: Any, tmp_path: Path):
    template, tokenizer, train_rows, items, settings = HEALTHY[name]
    answer, found = look(build(template, **tokenizer), tmp_path, train_rows, items, **settings)
    assert answer["refused"] == []
    assert [(m.kind, m.share, m.headline, m.train.text[-200:], m.eval.text[-200:]) for m in found] == []
    assert verdict_of(found) == "matched"


@pytest.mark.parametrize("name", SICK)
def test_what_tokens_show_is_named(name: str, build: Any, tmp_path: Path):
    template, tokenizer, train_rows, items, settings, kind = SICK[name]
    _, found = look(build(template, **tokenizer), tmp_path, train_rows, items, **settings)
    assert kinds(found) == {kind}, [(m.kind, m.headline, m.train.text, m.eval.text) for m in found]
    assert verdict_of(found) == "mismatched"
    assert found[0].share == pytest.approx(1.0)


def test_a_template_that_says_more_at_eval_takes_the_loss_on_the_prompt_too(build: Any, tmp_path: Path):
    """TRL finds where the answer begins by what prompt and whole have in common: here nothing."""
    _, found = look(build(DATED), tmp_path, train(BOX), held_out())
    assert kinds(found) == {"system-prompt", "loss-mask"}


def test_rows_that_the_template_refuses_are_a_finding(build: Any, tmp_path: Path):
    strict = "{% if messages[0]['content'][:2] == 'No' %}{{ raise_exception('not so') }}{% endif %}" + CHATML
    data = [*train(BOX)[:10], *train(BOX, "No! " + APPLES)[:10]]
    answer, found = look(build(strict), tmp_path, data, held_out())
    assert answer["refusals"] == 10
    (mismatch,) = found
    assert (mismatch.kind, mismatch.share) == ("chat-template", 0.5)
    assert "10 training rows can't be rendered: not so" in mismatch.headline


def test_turns_of_parts_are_rendered_as_their_text(build: Any, tmp_path: Path):
    parts = rows(lambda n: {"messages": [
        {"role": "user", "content": [{"type": "text", "text": APPLES.replace("{n}", str(n))}]},
        {"role": "assistant", "content": [{"type": "text", "text": BOX(n)}]},
    ]})  # fmt: skip
    answer, found = look(build(CHATML), tmp_path, parts, held_out())
    assert found == []
    assert "'type'" not in answer["train_examples"][0]["text"]


def test_another_template_is_served(build: Any, tmp_path: Path):
    template = tmp_path / "served.jinja"
    template.write_text(NO_EOS)
    _, found = look(build(CHATML), tmp_path, train(BOX), held_out(), serve=str(template))
    assert kinds(found) == {"chat-template"}
    template.write_text(CHATML)
    _, found = look(build(CHATML), tmp_path, train(BOX), held_out(), serve=str(template))
    assert found == []


def test_the_pieces_are_the_text_and_the_mask_is_the_answer(build: Any, tmp_path: Path):
    answer, _ = look(build(CHATML), tmp_path, train(BOX), held_out())
    shown = answer["train_examples"][0]
    assert "".join(text for text, _ in shown["pieces"]) == shown["text"]
    trained = "".join(text for text, flags in shown["pieces"] if flags & 2)
    assert trained.startswith("He starts with 0 apples")
    assert "<|im_end|>" in trained
    assert ["<|im_start|>", 1] in shown["pieces"]
    assert shown["trained"] < shown["tokens"]
    prompt = "".join(text for text, _ in answer["eval_examples"][0]["pieces"])
    assert prompt == f"<|im_start|>user\n{held_out()[0]['prompt']}<|im_end|>\n<|im_start|>assistant\n"
    assert len(answer["rows"]) == N


def test_trl_makes_the_same_tokens_and_labels(build: Any, tmp_path: Path):
    """The rendering follows TRL's own preparation: held against it, ids and masks, shape by shape."""
    trl = pytest.importorskip("trl")
    from datasets import Dataset
    from transformers import AutoTokenizer

    from cockpit.contract import Recipe
    from trainers.spotcheck.rows import Trained, training_examples
    from trainers.spotcheck.tokens import Tokens

    for template, data, options in (
        (CHATML, train(BOX)[:3], {"max_length": 40}),
        (SMOLLM2, TALKS[:3], {}),
        (None, BASE[:3], {}),
        (None, [{"text": "Just a text."}, {"text": "And one more."}], {}),
        (CHATML, train(BOX)[:3], {"completion_only_loss": False}),
    ):
        folder = build(template)
        path = tmp_path / "train.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
        recipe = Recipe.parse({
            "v": 1, "experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": folder},
            "data": {"train": str(path), "held_out": str(path), "mini_eval": str(path)}, "verifier": "boxed",
            "trainer": options,
        })  # fmt: skip
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        tokens = Tokens(tokenizer, recipe)
        examples = training_examples(data, recipe, tokenizer)
        ours = [Trained(tokens, example or {}, recipe) for example in examples]
        ours = [row for row in ours if any(row.mask[row.cut_first : row.cut_last])]  # TRL drops the others
        settings = next(iter(examples))["_settings"]  # type: ignore[index]
        rows_for_trl = [
            {k: v for k, v in (example or {}).items() if k != "_settings"} for example in examples
        ]
        theirs = _trl_rows(trl, Dataset.from_list(rows_for_trl), tokenizer, {**options, **settings}, tmp_path)
        for mine, row in zip(ours, theirs, strict=True):
            ids = mine.encoded.ids[mine.cut_first : mine.cut_last]
            assert list(row["input_ids"]) == ids
            mask = mine.mask[mine.cut_first : mine.cut_last]
            assert [label != -100 for label in row["labels"]] == mask


def _trl_rows(trl: Any, data: Any, tokenizer: Any, options: dict[str, Any], tmp_path: Path) -> Any:
    """What SFTTrainer makes of the rows, without a training."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, intermediate_size=16, head_dim=8,
    )  # fmt: skip
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    args = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), use_cpu=True, bf16=False, report_to="none", **options
    )
    trainer = trl.SFTTrainer(
        model=Qwen3ForCausalLM(config), args=args, train_dataset=data, processing_class=tokenizer
    )
    return trainer.train_dataset


def test_calls_are_trained_results_are_not_and_the_log_s_words_are_there(build: Any, tmp_path: Path):
    tools = "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    turn = (
        "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for c in m.tool_calls or [] %}"
        "<call>{{ c.function | tojson }}{% endfor %}<|im_end|>{% endgeneration %}"
        "{% else %}{{ m.content }}<|im_end|>{% endif %}"
    )
    template = (
        f"{tools}{{% for m in messages %}}<|im_start|>{{{{ m.role }}}}\n{turn}\n{{% endfor %}}{OPENING}"
    )
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"n": 1}'}}
    chat = [
        {"role": "user", "content": "1 more?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "assistant", "content": "It is 2."},
    ]
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    model = build(template)
    whole, bare = ({"messages": turns, "tools": [tool]} for turns in (chat, chat[:2]))
    for row, learnt in ((whole, ("add", "It is 2.")), (bare, ("add",))):
        answer, found = look(model, tmp_path, [row] * N, held_out())
        shown = answer["train_examples"][0]
        trained = "".join(text for text, flags in shown["pieces"] if flags & 2)
        assert all(text in trained for text in learnt)
        assert "more" not in trained
        assert not kinds(found) & {"loss-mask", "chat-template", "eos"}
        assert any("`tool_call_id`" in said for said in answer["said"]) is (row is whole)
