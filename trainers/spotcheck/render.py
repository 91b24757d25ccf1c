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
from cockpit.data.reading.files import load_rows
from trainers.attempt import imports
from trainers.attempt.environment import quiet_environment
from trainers.data.examples import read_example
from trainers.data.items import Item, eval_items
from trainers.data.prompts import prompt_text, with_system
from trainers.spotcheck.rows import Trained, training_examples
from trainers.spotcheck.tokens import Encoded, Tokens, contexts_differ, leading, split_common

VERSION = 1
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
        "items": [
            _item_facts(tokens, recipe, items[index], index) for index in _items_wanted(request, items)
        ],
        "systems": _systems(tokens, recipe, request.get("systems", [])),
        "served": _served(tokens, recipe, items, request.get("serve")),
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
        self.examples = training_examples(rows, recipe, tokens.tokenizer, self.said)
        self.trains_text = bool(self.examples) and all(
            "text" in example for example in self.examples if example
        )
        self._contexts: dict[tuple[str, str, bool, bool], dict[str, Any]] = {}

    def gather(self, wanted: Any) -> None:
        for index in wanted:
            if index >= len(self.examples) or self.examples[index] is None:
                continue
            try:
                trained = self._trained(index)
                self.rows.append({"row": index + 1, **trained.facts()})
                self._compare(index, trained)
            except self.tokens.template_errors as error:
                self.refused.append({"row": index + 1, "why": str(error)[:200]})

    def grouped(self) -> list[dict[str, Any]]:
        return sorted(self._contexts.values(), key=lambda group: -group["count"])

    def shown(self, index: int) -> dict[str, Any]:
        """One training row in full: its pieces, ids, and where it is cut."""
        if self.examples[index] is None:
            return {"row": index + 1, "pieces": [], "ids": [], "tokens": 0, "cut_at": None, "target": None}
        try:
            return {"row": index + 1, **self._trained(index).shown()}
        except self.tokens.template_errors as error:
            refusal = str(error)
            return {"row": index + 1, "pieces": [], "ids": [], "tokens": 0, "cut_at": None, "target": None,
                    "refused": refusal[:300]}  # fmt: skip

    def _trained(self, index: int) -> Trained:
        return Trained(self.tokens, self.examples[index] or {}, self.recipe)

    def _compare(self, index: int, trained: Trained) -> None:
        """Lay the eval prompt of the same row over what training shows the model before the answer."""
        row = read_example(self.data[index], index + 1, self.recipe)
        if row.question is None or "text" in (self.examples[index] or {}):
            return
        asked = prompt_text(self.tokens.tokenizer, row.question, self.recipe, row.tools)
        at_eval = self.tokens.eval_prompt(asked)
        difference = contexts_differ(trained, at_eval, self.tokens)
        if difference is None:
            return
        key = (difference["train"], difference["eval"], difference["between"], difference["ids_only"])
        if key not in self._contexts and len(self._contexts) >= CONTEXTS:
            key = ("(many differences)", "", False, False)
        known = self._contexts.setdefault(
            key, {**difference, "train": key[0], "eval": key[1], "count": 0, "row": index + 1}
        )
        known["count"] += 1


def _items_wanted(request: dict[str, Any], items: list[Item]) -> list[int]:
    wanted = request.get("fact_items")
    return [i for i in (range(len(items)) if wanted is None else wanted) if i < len(items)]


def _item_facts(tokens: Tokens, recipe: Recipe, item: Item, index: int) -> dict[str, Any]:
    try:
        encoded = tokens.eval_prompt(prompt_text(tokens.tokenizer, item.prompt, recipe, item.tools))
    except tokens.template_errors:
        return {"row": index + 1, "tokens": 0, "bos": 0}
    return {
        "row": index + 1,
        "tokens": len(encoded.ids),
        "bos": leading(encoded.ids, tokens.tokenizer.bos_token_id),
    }


def _shown_item(tokens: Tokens, recipe: Recipe, item: Item, index: int) -> dict[str, Any]:
    try:
        encoded: Encoded = tokens.eval_prompt(prompt_text(tokens.tokenizer, item.prompt, recipe, item.tools))
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


def _served(tokens: Tokens, recipe: Recipe, items: list[Item], serve: str | None) -> dict[str, Any] | None:
    """The first eval prompt that the served tokenizer renders in another way; None where they agree."""
    if serve is None or not items:
        return None
    other = _served_tokenizer(tokens, recipe, serve)
    for index, item in enumerate(items[:50]):
        scored = prompt_text(tokens.tokenizer, item.prompt, recipe, item.tools)
        if other.chat_template is None:
            served = prompt_text(other, item.prompt, recipe, item.tools)
        else:
            # A server knows the messages, not the recipe's switches.
            served = other.apply_chat_template(
                with_system(item.prompt, recipe),
                tools=list(item.tools) or None,
                add_generation_prompt=True,
                tokenize=False,
            )
        if served != scored:
            before, left, right = split_common(served, scored)
            return {"train": left, "eval": right, "before": before[-200:], "count": 1, "row": index + 1,
                    "between": False, "ids_only": False}  # fmt: skip
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
