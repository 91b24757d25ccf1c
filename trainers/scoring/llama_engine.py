"""Answers from llama.cpp: a GGUF file is scored by the runtime that it is for.

It is given texts, as its users give them, so that its own tokenizer, end tokens and template count. What it reads
otherwise than the run's tokenizer did is counted, and left in runtime.json beside the score.
"""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.contract.atomic import write_json
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import Stopped
from trainers.model.generate import Completion, Eye, input_ids
from trainers.scoring.engine import Engine, Load, Progress

SLOTS, CHUNK = 4, 32
FACTS = "runtime.json"
SPARE = 16  # tokens of a slot beyond the longest prompt and answer
ANSWER_S = 3600.0
_PROBE = [
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Well."},
    {"role": "user", "content": "1 + 1?"},
]


class LlamaEngine(Engine):
    """Asks llama.cpp alone: what it can't answer is not answered by something else."""

    def __init__(self, attempt: Attempt, file: Path) -> None:
        super().__init__(attempt)
        self.file = file
        self._server: Any = None
        self._key = secrets.token_hex(16)

    def answer(
        self,
        load: Load,
        tokenizer: Any,
        prompts: list[str],
        *,
        weights: Path | None,
        step: int,
        progress: Progress | None = None,
        eye: Eye | None = None,
    ) -> list[Completion]:
        if eye is not None:
            raise CockpitError(
                "the items have images, and GGUF files are scored on text alone",
                "Export it with --format merged.",
            )
        self.last = "llama.cpp"
        settings = self.attempt.recipe.generation
        ids = input_ids(tokenizer, prompts)
        longest = max(map(len, ids), default=0) + settings.max_new_tokens + SPARE
        self._start(longest)
        texts = [self._bare(tokenizer, text) for text in prompts]
        self._compare(tokenizer, texts, ids)
        body = {
            "n_predict": settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p if settings.temperature else 1.0,
            "top_k": 0,
            "min_p": 0.0,
            "repeat_penalty": 1.0,
            "seed": self.attempt.recipe.seed,
            "cache_prompt": False,
        }
        made: list[Completion] = []
        for start in range(0, len(texts), CHUNK):
            if self.attempt.stop:
                raise Stopped
            chunk = texts[start : start + CHUNK]
            reply = self._ask("/completion", {**body, "prompt": chunk})
            made += _completions(reply, len(chunk))
            if progress is not None:
                progress(len(made), len(texts))
        return made

    def _start(self, longest: int) -> None:
        import xllamacpp as llama  # pyright: ignore[reportMissingImports]

        params = llama.CommonParams()
        params.model.path = str(self.file)
        params.n_parallel, params.n_ctx = SLOTS, longest * SLOTS
        params.warmup, params.ui, params.port, params.verbosity = False, False, 0, 0
        params.api_keys = [self._key]
        try:
            self._server = llama.Server(params)
        except (RuntimeError, ValueError) as error:
            raise CockpitError(
                f"llama.cpp can't load the file: {str(error)[:300]}",
                "Export another --format, and say which model it was.",
                file=self.file,
            ) from error

    def _bare(self, tokenizer: Any, text: str) -> str:
        """Without the begin-of-text token that the template writes and llama.cpp adds by itself: once is right."""
        begin = tokenizer.bos_token
        if not begin or not text.startswith(begin):
            return text
        added = self._tokens(text.removeprefix(begin))
        return text.removeprefix(begin) if added[:1] == [tokenizer.bos_token_id] else text

    def _compare(self, tokenizer: Any, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> None:
        """Leave what is read otherwise: texts that become other tokens, and a template that renders otherwise."""
        otherwise = [at for at, text in enumerate(texts) if self._tokens(text) != list(ids[at])]
        facts: dict[str, Any] = {"v": 1, "prompts": len(texts), "otherwise": len(otherwise)}
        if otherwise:
            facts["example"] = texts[otherwise[0]][:300]
        if tokenizer.chat_template is not None:
            mine = tokenizer.apply_chat_template(_PROBE, tokenize=False, add_generation_prompt=True)
            theirs = self._ask("/apply-template", {"messages": _PROBE}, quiet=True).get("prompt")
            same = theirs in (mine, self._bare(tokenizer, mine))
            facts["template"] = "same" if same else "differs" if theirs else "refused"
        write_json(self.attempt.layout.root / FACTS, facts)

    def _tokens(self, text: str) -> list[int]:
        asked = {"content": text, "add_special": True, "parse_special": True}
        return [int(one) for one in self._ask("/tokenize", asked)["tokens"]]

    def _ask(self, path: str, body: object, *, quiet: bool = False) -> Any:
        request = urllib.request.Request(
            self._server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            if quiet:
                return {}
            raise CockpitError(
                f"llama.cpp gave no answer: {error}", "Look at the log.", file=self.file
            ) from error


def _completions(reply: Any, wanted: int) -> list[Completion]:
    rows = sorted(reply if isinstance(reply, list) else [reply], key=lambda row: row.get("index", 0))
    if len(rows) != wanted:
        raise CockpitError(f"llama.cpp gave {len(rows)} answers to {wanted} prompts", "Try again.")
    return [
        Completion(str(row["content"]), int(row["tokens_predicted"]), row.get("stop_type") == "limit")
        for row in rows
    ]
