"""What only tokens show: templates, BOS and EOS, generation prompt, thinking, truncation, loss mask.

Real tokenizers with the templates that go wrong in the field, through `trainers.spotcheck.render` itself.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from cockpit.core.spotcheck.mismatch import find_mismatches, verdict_of
from cockpit.core.spotcheck.rendered import rendered_of
from cockpit.verifiers import load
from tests.support.spot_cases import APPLES, BOX, CHINESE, HEBREW, N, held_out, rows, said, sides_of, train

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


OTHER_OPENING = TURNS + "{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
ALWAYS_OPENS = TURNS + "<|im_start|>assistant\n"
KNOWS_THINKING = "{# reads <think> in the content #}" + CHATML
SAYS = "{{ m['content'] }}<|im_end|>"
WANTS_PARTS = CHATML.replace(
    "m['content']", "m['content'] if m['role'] == 'assistant' else m['content'][0].text"
)
MARKED = CHATML.replace(
    SAYS,
    "{% if m['role'] == 'assistant' %}{% generation %}"
    + SAYS
    + "{% endgeneration %}{% else %}"
    + SAYS
    + "{% endif %}",
)
EARLIER = "m['content'] if loop.last else m['content'].split('</think>')[-1].strip()"
STRIPS_EARLIER = MARKED.replace(
    "{{ m['content'] }}<|im_end|>{% endg", "{{ " + EARLIER + " }}<|im_end|>{% endg"
)
STRIPS_UNMARKED = STRIPS_EARLIER.replace("{% generation %}", "").replace("{% endgeneration %}", "")
LAST_END_ALONE = MARKED.replace(
    "<|im_end|>{% endgeneration %}",
    "{% if loop.last %}<|im_end|>{% endif %}{% endgeneration %}{% if not loop.last %}<|im_end|>{% endif %}",
)
SHOWS_ARGUMENT = "<|im_start|>system\n{{ enable_thinking }}<|im_end|>\n" + CHATML
INST = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}"
    "{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)


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
        "data": {**files, "mini_eval": files["held_out"], "system_prompt": system,
                 "chat_template_kwargs": {} if thinking is None else {"enable_thinking": thinking}},
        "verifier": "boxed", "generation": {"max_new_tokens": limit}, "trainer": trainer or {},
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

THINKS = rows(lambda n: {"messages": [
    {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nYes?"},
    {"role": "user", "content": APPLES.replace("{n}", str(n))},
    {"role": "assistant", "content": f"<think>\n{n} + 3\n</think>\n\n{BOX(n)}"},
]})  # fmt: skip
REASONS = rows(lambda n: {"messages": [
    {"role": "user", "content": APPLES.replace("{n}", str(n))},
    {"role": "assistant", "content": BOX(n), "reasoning_content": f"{n} + 3"},
]})  # fmt: skip

HEALTHY = {
    "thinking that the template keeps in every turn": (MARKED, {}, THINKS, held_out(), {}),
    "earlier turns without thinking as context alone": (STRIPS_UNMARKED, {}, THINKS, held_out(), {}),
    "reasoning where the template knows thinking": (KNOWS_THINKING, {}, REASONS, held_out(), {}),
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
    "earlier turns trained without their thinking": (STRIPS_EARLIER, {}, THINKS, held_out(), {}, "thinking"),
    "reasoning that the template has no place for": (CHATML, {}, REASONS, held_out(), {}, "thinking"),
    "an answer opened in other words": (OTHER_OPENING, {}, train(BOX), held_out(), {}, "generation-prompt"),
    "a template that always opens an answer": (ALWAYS_OPENS, {}, train(BOX), held_out(), {}, "generation-prompt"),
    "conversations without a template": (None, {}, train(BOX), held_out(), {}, "chat-template"),
    "a template that wants parts": (WANTS_PARTS, {}, train(BOX), held_out(), {}, "chat-template"),
    "earlier turns whose end is not in the mask": (LAST_END_ALONE, {}, TALKS, held_out(), {}, "eos"),
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


@pytest.mark.parametrize(
    ("text", "kind"), [("[INST] {} [/INST] {}", set()), ("[INST]{}[/INST]{}", {"whitespace"})]
)
def test_a_rendered_text_is_held_against_the_template(text: str, kind: set[str], build: Any, tmp_path: Path):
    data = rows(lambda n: {"text": text.format(APPLES.replace("{n}", str(n)), BOX(n))})
    answer, found = look(build(INST), tmp_path, data, held_out())
    assert kinds(found) - {"loss-mask"} == kind
    assert set(answer["roles"]) == {"user", "assistant"}


def test_what_is_served_may_strip_what_is_trained(build: Any, tmp_path: Path):
    template = tmp_path / "served.jinja"
    template.write_text(STRIPS_UNMARKED)
    _, found = look(build(MARKED), tmp_path, THINKS, held_out(), serve=str(template))
    assert [(m.kind, m.of) for m in found] == [("thinking", "training rows")]
    assert "A greeting." in found[0].eval.text
    assert "A greeting." not in found[0].train.text


def test_every_answer_that_is_learnt_is_shown_and_counted_by_role(build: Any, tmp_path: Path):
    talk = [
        ("user", "Hello."),
        ("assistant", "What?"),
        ("user", "2 + 3?"),
        ("assistant", "5."),
        ("user", "And 4?"),
    ]
    weights = {"What?": 0, "5.": 1, "9.": 1}
    chat = [{"role": role, "content": said} | ({"weight": weights[said]} if said in weights else {})
            for role, said in (*talk, ("assistant", "9."))]  # fmt: skip
    answer, _ = look(build(CHATML), tmp_path, [{"messages": chat}] * 4, held_out())
    trained = "".join(text for text, flags in answer["train_examples"][0]["pieces"] if flags & 2)
    assert "5.<|im_end|>" in trained
    assert "9.<|im_end|>" in trained
    assert "What?" not in trained
    assert [answer["roles"]["user"][1], answer["roles"]["assistant"][1]] == [
        0,
        4 * answer["train_examples"][0]["trained"],
    ]


def test_the_templates_arguments_reach_training_and_eval(build: Any, tmp_path: Path):
    answer, found = look(build(SHOWS_ARGUMENT), tmp_path, train(BOX), held_out(), thinking=False)
    assert found == []
    for shown in (answer["train_examples"][0], answer["eval_examples"][0]):
        assert "".join(text for text, _ in shown["pieces"]).startswith("<|im_start|>system\nFalse<|im_end|>")


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
        (*examples,) = chain.from_iterable(training_examples(data, recipe, tokenizer))
        ours = [Trained(tokens, example, recipe) for example in examples]
        ours = [row for row in ours if any(row.mask[row.cut_first : row.cut_last])]  # TRL drops the others
        settings = examples[0]["_settings"]
        rows_for_trl = [{k: v for k, v in example.items() if k != "_settings"} for example in examples]
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
