"""Training rows and eval prompts exactly as the model sees them, for the spot check; asked in a subprocess.

    python -m trainers.spotcheck.render REQUEST.json > ANSWER.json

Rows go through the trainers' own reading and rendering and prompts through the scorer's. No model is loaded, only its
tokenizer. The request names a recipe, the rows and items to show in full, and those to gather facts of:
`{"v": 1, "recipe": {…}, "rows": [0, …], "items": [0, …], "fact_rows": null, "systems": [""], "serve": null}`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.techniques import REWARDED
from cockpit.data.images.seats import images_of
from cockpit.data.messages import spoken
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import as_chat, value
from trainers.attempt import imports
from trainers.attempt.environment import quiet_environment
from trainers.data.examples import read_example
from trainers.data.items import Item, eval_items
from trainers.data.prompts import as_template_takes, prompt_text, with_system
from trainers.spotcheck.rows import Trained, training_examples
from trainers.spotcheck.tokens import Encoded, Tokens, contexts_differ, leading, split_common
from trainers.spotcheck.turns import Markers

VERSION = 1
ANOTHER = "\n[the next example of this row]\n"
SERVED = 50
"""Eval prompts, and training rows, that the served template renders as well."""
CONTEXTS = 40
"""Distinct differences between the two contexts that are told apart; the rest are counted together."""


def main(argv: list[str]) -> int:
    """Answer the request named on the command line with one JSON object on stdout; errors are JSON too."""
    out = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):  # libraries talk; the answer is the answer alone
            request = json.loads(Path(argv[0]).read_text("utf-8"))
            answer: dict[str, Any] = render(request)
    except CockpitError as error:
        json.dump(error.as_dict(), out)
        return 1
    json.dump(answer, out, ensure_ascii=False)
    return 0


def render(request: dict[str, Any]) -> dict[str, Any]:
    """The whole answer. Raises CockpitError for a model, a file or a row that can't be read."""
    recipe = Recipe.parse(request["recipe"])
    quiet_environment(recipe)
    with imports.quick():
        from trainers.model.loading import load_tokenizer

        tokens = Tokens(load_tokenizer(recipe), recipe)
    items: list[Item] = []
    if request.get("has_items", True):
        items = eval_items(recipe.data.held_out, recipe.data.columns, name="eval set")
    rows = load_rows(recipe.data.train) if recipe.data.train else []
    facts = Facts(tokens, recipe, rows)
    wanted = request.get("fact_rows")
    facts.gather(range(len(rows)) if wanted is None else sorted({*wanted, *request.get("rows", [])}))
    return {
        "v": VERSION,
        **tokens.facts(),
        "trains_text": facts.trains_text,
        "rows": facts.rows,
        "said": facts.said,
        "refused": facts.refused[:20],
        "refusals": len(facts.refused),
        "contexts": facts.grouped(),
        "roles": facts.roles,
        "folded": facts.folded(),
        "untemplated": _untemplated(tokens, recipe, rows),
        "new_tokens": tokens.new_tokens(facts.seen),
        "stop_trained": tokens.stop_is_trained() if facts.masks else None,
        "items": [
            _item_facts(tokens, recipe, items[index], index) for index in _items_wanted(request, items)
        ],
        "systems": _systems(tokens, recipe, request.get("systems", [])),
        "served": _served(tokens, recipe, items, rows, request.get("serve")),
        "train_examples": [facts.shown(index) for index in request.get("rows", []) if index < len(rows)],
        "eval_examples": [
            _shown_item(tokens, recipe, items[i], i) for i in request.get("items", []) if i < len(items)
        ],
    }


class Facts:
    """What the training rows become. `grouped`: differences between the context of training and of eval."""

    def __init__(self, tokens: Tokens, recipe: Recipe, rows: list[dict[str, Any]]) -> None:
        self.tokens = tokens
        self.recipe = recipe
        self.data = rows
        self.rows: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.roles: dict[str, list[int]] = {}
        self.seen: set[int] = set()
        self.examples = training_examples(rows, recipe, tokens.tokenizer, self.said)
        made = [example for many in self.examples for example in many]
        self.trains_text = bool(made) and all("text" in example for example in made)
        self.masks = any(example["_settings"].get("assistant_only_loss") for example in made)
        self._markers = Markers.of(tokens.tokenizer, tokens.template_errors)
        self._contexts: dict[tuple[str, str, bool, bool], dict[str, Any]] = {}

    def gather(self, wanted: Any) -> None:
        for index in wanted:
            if index >= len(self.examples) or not self.examples[index]:
                continue
            try:
                many = self._trained(index)
                facts = [trained.facts() for trained in many]
                self._compare(index, many[-1])
                self.rows.append({"row": index + 1, **_together(facts)})
                self.seen.update(many[-1].encoded.ids)
                for trained in _merged(many):
                    for role, counts in trained.roles().items():
                        known = self.roles.setdefault(role, [0, 0])
                        known[:] = [a + b for a, b in zip(known, counts, strict=True)]
            except self.tokens.template_errors as error:
                self.refused.append({"row": index + 1, "why": str(error)[:200]})

    def grouped(self) -> list[dict[str, Any]]:
        return sorted(self._contexts.values(), key=lambda group: -group["count"])

    def shown(self, index: int) -> dict[str, Any]:
        """One training row in full: its pieces, ids, and where it is cut. Every example that it becomes is there."""
        empty = {"row": index + 1, "pieces": [], "ids": [], "tokens": 0, "cut_at": None, "target": None}
        if not self.examples[index]:
            return empty
        try:
            *others, last = [trained.shown() for trained in _merged(self._trained(index))]
        except self.tokens.template_errors as error:
            return {**empty, "refused": str(error)[:300]}
        pieces = [piece for other in others for piece in (*other["pieces"], [ANOTHER, 0])]
        together = {name: last[name] + sum(other[name] for other in others) for name in ("tokens", "trained")}
        return {"row": index + 1, **last, **together, "pieces": [*pieces, *last["pieces"]]}

    def folded(self) -> dict[str, Any] | None:
        """Rows whose reasoning stands in tags that the chat template has no word for; None where there are none."""
        template = str(self.tokens.tokenizer.chat_template or "")
        if (
            not template
            or "think" in template
            or "reasoning" in template
            or self.recipe.technique in REWARDED
        ):
            return None
        count, first = 0, None
        for index, row in enumerate(self.data):
            chat = read_example(row, index + 1, self.recipe).chat if self.examples[index] else ()
            turn = next((turn for turn in chat if turn.get("reasoning_content")), None)
            count += turn is not None
            first = first or (turn and {"row": index + 1, "trained": spoken(turn), "said": turn["content"]})
        return {"rows": count, **first} if first else None

    def _trained(self, index: int) -> list[Trained]:
        return [Trained(self.tokens, example, self.recipe, self._markers) for example in self.examples[index]]

    def _compare(self, index: int, trained: Trained) -> None:
        """Lay the eval prompt of the same row over what training shows the model before the answer."""
        row = read_example(self.data[index], index + 1, self.recipe)
        question, tools = row.question, row.tools
        if "text" in trained.example:
            question, tools = trained.turns[:-1], ()
        if not question:
            return
        images = images_of(as_chat(question))
        asked, closed = (
            self.tokens.eval_prompt(
                prompt_text(self.tokens.tokenizer, question, self.recipe, tools, opens=opens), images
            )
            for opens in (True, False)
        )
        opened = len(asked.text) > len(closed.text) and asked.text.startswith(closed.text)
        begun = len(closed.text if opened else asked.text) + (not opened)
        difference = contexts_differ(trained, asked, self.tokens, begun)
        if difference is None:
            return
        key = (difference["train"], difference["eval"], difference["between"], difference["ids_only"])
        if key not in self._contexts and len(self._contexts) >= CONTEXTS:
            key = ("(many differences)", "", False, False)
        known = self._contexts.setdefault(
            key, {**difference, "train": key[0], "eval": key[1], "count": 0, "row": index + 1}
        )
        known["count"] += 1


def _together(facts: list[dict[str, Any]]) -> dict[str, Any]:
    """The facts of a row that became several examples: the worst of each, and what is trained in all."""
    worst = {
        **facts[-1],
        "ends": all(fact["ends"] for fact in facts),
        "target_found": all(fact["target_found"] for fact in facts),
    }
    for name in ("trained", "trained_prompt", "unthought"):
        worst[name] = sum(fact[name] for fact in facts)
    for name in ("follows", "after_end", "unsaid"):
        worst[name] = next((fact[name] for fact in facts if fact[name]), facts[-1][name])
    return worst


def _merged(many: list[Trained]) -> list[Trained]:
    """A row's examples, those left out that another begins with: what they train is marked there."""
    kept: list[Trained] = []
    for trained in many:
        while kept and trained.takes_in(kept[-1]):
            kept.pop()
        kept.append(trained)
    return kept


def _items_wanted(request: dict[str, Any], items: list[Item]) -> list[int]:
    wanted = request.get("fact_items")
    return [i for i in (range(len(items)) if wanted is None else wanted) if i < len(items)]


def _asked(tokens: Tokens, recipe: Recipe, item: Item) -> Encoded:
    text = prompt_text(tokens.tokenizer, item.prompt, recipe, item.tools)
    return tokens.eval_prompt(text, item.images)


def _item_facts(tokens: Tokens, recipe: Recipe, item: Item, index: int) -> dict[str, Any]:
    try:
        encoded = _asked(tokens, recipe, item)
    except tokens.template_errors:
        return {"row": index + 1, "tokens": 0, "bos": 0}
    return {
        "row": index + 1,
        "tokens": len(encoded.ids),
        "bos": leading(encoded.ids, tokens.tokenizer.bos_token_id),
    }


def _shown_item(tokens: Tokens, recipe: Recipe, item: Item, index: int) -> dict[str, Any]:
    try:
        encoded = _asked(tokens, recipe, item)
    except tokens.template_errors as error:
        return {
            "row": index + 1,
            "id": item.id,
            "pieces": [],
            "ids": [],
            "tokens": 0,
            "refused": str(error)[:200],
        }
    return {
        "row": index + 1,
        "id": item.id,
        "pieces": tokens.pieces(encoded, [False] * len(encoded.ids), None),
        "ids": encoded.ids,
        "tokens": len(encoded.ids),
    }


def _systems(tokens: Tokens, recipe: Recipe, systems: list[str]) -> dict[str, str]:
    """How each system prompt is rendered before a user's turn; one that the template refuses is left out."""
    made: dict[str, str] = {}
    if tokens.tokenizer.chat_template is None:
        return made
    for system in systems:
        chat = [{"role": "system", "content": system}] if system else []
        with contextlib.suppress(*tokens.template_errors):
            made[system] = tokens.tokenizer.apply_chat_template(
                with_system([*chat, {"role": "user", "content": "?"}], recipe), tokenize=False
            )
    return made


def _untemplated(tokens: Tokens, recipe: Recipe, rows: list[dict[str, Any]]) -> int:
    """How many training rows are conversations that this model has no template for."""
    if tokens.tokenizer.chat_template is not None:
        return 0
    names = ("messages", "prompt", "completion", "chosen")
    return sum(any(isinstance(value(row, name, recipe.data.columns), list) for name in names) for row in rows)


def _served(
    tokens: Tokens, recipe: Recipe, items: list[Item], rows: list[dict[str, Any]], serve: str | None
) -> dict[str, Any] | None:
    """The first eval prompt, or training row of several turns, that the served tokenizer renders in another way.

    None where they agree. A row's earlier turns show what an eval prompt hasn't: thinking that is kept or stripped.
    """
    if serve is None:
        return None
    other = _served_tokenizer(tokens, recipe, serve)
    asked = [(index, item.prompt, item.tools, False) for index, item in enumerate(items[:SERVED])]
    for index, row in enumerate(rows[:SERVED]):
        example = read_example(row, index + 1, recipe)
        if isinstance(example.question, list) and any(t["role"] == "assistant" for t in example.question):
            asked.append((index, example.question, example.tools, True))
    for index, prompt, tools, trains in asked:
        scored = prompt_text(tokens.tokenizer, prompt, recipe, tools)
        if other.chat_template is None:
            served = prompt_text(other, prompt, recipe, tools)
        else:
            # A server knows the messages, not the recipe's switches.
            served = other.apply_chat_template(
                as_template_takes(other, with_system(prompt, recipe)), tools=list(tools) or None,
                add_generation_prompt=True, tokenize=False,
            )  # fmt: skip
        if served != scored:
            before, left, right = split_common(served, scored)
            return {"train": left[:2000], "eval": right[:2000], "before": before[-200:], "row": index + 1,
                    "of_rows": trains}  # fmt: skip
    return None


def _served_tokenizer(tokens: Tokens, recipe: Recipe, serve: str) -> Any:
    from trainers.model.loading import load_tokenizer

    if not serve.endswith((".jinja", ".j2")):
        return load_tokenizer(recipe, serve)
    import copy

    other = copy.deepcopy(tokens.tokenizer)
    try:
        other.chat_template = Path(serve).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CockpitError(f"the template can't be read: {error}", "Correct the path.", file=serve) from error
    return other


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
