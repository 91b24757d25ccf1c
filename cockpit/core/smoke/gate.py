"""The gate before the budget: does the whole pipeline work on ten examples, and if not, which part of it?

Source text, "Before committing the budget: smoke-run": it must produce a checkpoint that the benchmark can load AND
a non-zero eval on a held-out item. If not, the recipe is broken: fix it, don't scale it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cockpit.core.smoke import errors
from cockpit.core.stats import wilson

SOURCE = 'source text, "Before committing the budget: smoke-run"'
ONLINE = ("grpo", "rloo", "ppo")
SAMPLES_FIRST = (*ONLINE, "rft")
FELL = 0.9  # a loss that ends below so much of where it began has fallen

Stage = Literal[
    "load", "data", "template", "dtype", "nan", "oom", "training", "time", "checkpoint", "scorer", "unparseable",
    "zero score", "no signal", "",
]  # fmt: skip
STAGES: tuple[tuple[Stage, str], ...] = (
    ("load", "the model and its tokenizer load"),
    ("data", "the rows become training examples"),
    ("template", "training shows the model the prompt that it is scored with"),
    ("dtype", "number formats agree"),
    ("oom", "the longest examples fit in memory"),
    ("time", "a step ends in time"),
    ("training", "optimizer steps run"),
    ("nan", "loss and gradients are finite"),
    ("checkpoint", "a whole checkpoint is written"),
    ("scorer", "the scorer loads it from the disk"),
    ("no signal", "the reward tells answers apart"),
    ("unparseable", "the verifier can read the answers"),
    ("zero score", "a held-out item scores above zero"),
)
"""The gate's stages in the order in which they are met, each with what it proves."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the prompt of training and the one of scoring, in `count` of the rows shown."""

    train: str
    eval: str
    before: str
    count: int
    only_ids: bool = False


@dataclass(frozen=True, slots=True)
class SmokeFacts:
    """What a smoke run left behind. Shares and scores are 0..1, times seconds, sizes bytes.

    `state` is the attempt's (finished, failed, oom_killed …) with its `sentence`; `stage` the last one reported;
    `error` what the process said. `rollouts`: completions sampled from the untouched base in the first step, of
    which `rollouts_passed` passed. `scored` is None where the scorer never got so far.
    """

    technique: str
    state: str
    sentence: str = ""
    stage: str = ""
    error: str = ""
    steps: int = 0
    losses: tuple[float, ...] = ()
    rewards: tuple[float, ...] = ()
    nonfinite: tuple[str, ...] = ()
    step_time: float | None = None
    seconds: float | None = None
    forced: bool = False
    """Whether it was asked to stop and had to be killed: its step took too long."""
    peak_bytes: int | None = None
    rendered: int | None = None
    render_error: str = ""
    drift: tuple[Drift, ...] = ()
    checkpoint: str = ""
    checkpoint_bytes: int = 0
    scored: int | None = None
    best_item: float = 0.0
    mean: float = 0.0
    parsed: int = 0
    truncated: int = 0
    said: str = ""
    why: str = ""
    verifier: str = ""
    rollouts: int = 0
    rollouts_passed: int = 0
    rollouts_parsed: int = 0
    base_solved: int = 0
    """Items among those scored that the base model solved in the baseline."""
    mend: str = ""
    """What the trainer itself said of a lack of memory."""


@dataclass(frozen=True, slots=True)
class SmokeVerdict:
    """Green, or red at a `stage`; `evidence` is what was seen, `mend` what to do, `cautions` don't close the gate."""

    green: bool
    stage: Stage
    headline: str
    mend: str
    evidence: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    source: str = SOURCE

    def as_dict(self) -> dict[str, Any]:
        return {
            "green": self.green,
            "stage": self.stage or None,
            "headline": self.headline,
            "mend": self.mend,
            "evidence": list(self.evidence),
            "cautions": list(self.cautions),
            "source": self.source,
        }


Red = tuple[Stage, str, str]
_REFUSED = "The chat template refuses the rows"
_CUT = "The answers are cut off"
_NOTHING_LEFT = (
    "Every row was dropped: where the prompt alone fills max_length, no answer is left to learn. Raise max_length, or "
    "leave the longest prompts out."
)


def of_objective(verdict: SmokeVerdict) -> bool:
    """Whether it is red because training aims at something else than what is scored: the prompt, or the form."""
    return (verdict.stage == "template" and not verdict.headline.startswith(_REFUSED)) or (
        verdict.stage == "unparseable" and not verdict.mend.startswith(_CUT)
    )


def judge(facts: SmokeFacts) -> SmokeVerdict:
    """The verdict on one smoke run: red at the first stage that failed, else green."""
    for rule in _RULES:
        red = rule(facts)
        if red is not None:
            stage, headline, mend = red
            return SmokeVerdict(False, stage, headline, mend, evidence(facts), cautions(facts))
    headline = f"The pipeline works: {facts.checkpoint} loads from the disk and scores {facts.mean:.2f}"
    if facts.best_item <= 0:
        headline = (
            f"The pipeline works: {facts.checkpoint} loads from the disk; it scores 0 yet, but the base passes "
            f"{_share(facts.rollouts_passed, facts.rollouts)} when sampled, which RL can learn from"
        )
    return SmokeVerdict(True, "", f"{headline}.", "", evidence(facts), cautions(facts))


def _ended_by_memory(facts: SmokeFacts) -> Red | None:
    if facts.state not in ("out_of_memory", "oom_killed") and not errors.is_memory(facts.error):
        return None
    mend = facts.mend or "Halve per_device_train_batch_size and double gradient_accumulation_steps."
    return "oom", f"Memory ran out {_where(facts.stage)}, on the longest examples", mend


def _never_ended(facts: SmokeFacts) -> Red | None:
    return _no_step(facts) if facts.forced and not facts.steps else None


def _failed(facts: SmokeFacts) -> Red | None:
    """A process that broke: number formats first, for their errors come up anywhere."""
    if facts.state in ("finished", "early_stopped", "stopped"):
        return None
    said = facts.error or facts.sentence
    if errors.is_dtype(said):
        return (
            "dtype",
            f"Number formats clash: {_short(said)}",
            "Set model.dtype (float32 is always safe) and try again.",
        )
    if facts.state in ("killed", "lost"):
        return (
            "training",
            f"The process was ended from outside {_where(facts.stage)}: {_short(said)}",
            "Start the smoke run again.",
        )
    if errors.is_no_rows(said):
        return "data", "Nothing was left to train on", _NOTHING_LEFT
    if facts.stage in ("", "importing", "loading"):
        return (
            "load",
            f"The model does not load: {_short(said)}",
            "Correct the model, or install what is missing.",
        )
    if facts.stage == "tokenizing":
        return (
            "data",
            f"The rows can't be used: {_short(said)}",
            "Mend the rows or name their columns (data.columns).",
        )
    if facts.checkpoint and facts.stage in ("evaluating", "done"):
        return (
            "scorer",
            f"The scorer can't use the checkpoint: {_short(said)}",
            "Look at the log of the smoke run.",
        )
    return (
        "training",
        f"Training breaks {_where(facts.stage)}: {_short(said)}",
        "Correct the setting that it names.",
    )


def _drifts(facts: SmokeFacts) -> Red | None:
    if facts.render_error:
        return (
            "template",
            f"{_REFUSED}: {_short(facts.render_error)}",
            "Mend the roles' order.",
        )
    if not facts.drift:
        return None
    worst = facts.drift[0]
    kind = "the tokens differ though the text is the same" if worst.only_ids else "the prompts differ"
    headline = (
        f"Training and scoring show the model different prompts ({kind} in {sum(d.count for d in facts.drift)} of "
        f"{facts.rendered or 0} rows): training has {_quoted(worst.train)} where scoring has {_quoted(worst.eval)}"
    )
    return "template", headline, (
        "Use one template for both: the same system prompt (data.system_prompt) and the same thinking switch, and "
        "prompts as messages rather than ready-made text."
    )  # fmt: skip


def _not_finite(facts: SmokeFacts) -> Red | None:
    if not facts.nonfinite:
        return None
    names = ", ".join(facts.nonfinite)
    return "nan", f"{names} is not a finite number", (
        "Use model.dtype=bfloat16 or float32 instead of float16, a lower learning_rate, and look for empty answers "
        "(a loss over no tokens is NaN)."
    )  # fmt: skip


def _no_step(facts: SmokeFacts) -> Red | None:
    if facts.steps:
        return None
    if facts.state in ("finished", "early_stopped"):
        return "data", "Nothing was left to train on", _NOTHING_LEFT
    took = f" in {facts.seconds:.0f} s" if facts.seconds else ""
    return "time", f"Not one optimizer step was done{took}", (
        "On this machine the recipe is too slow: a smaller batch, shorter sequences (max_length, "
        "max_completion_length), fewer num_generations, a smaller model, or a GPU."
    )  # fmt: skip


def _no_checkpoint(facts: SmokeFacts) -> Red | None:
    if facts.checkpoint and facts.checkpoint_bytes > 0:
        return None
    losses = list(facts.losses)
    fell = len(losses) > 1 and losses[-1] < FELL * losses[0]
    loss = f" although the loss fell from {losses[0]:.3g} to {losses[-1]:.3g}" if fell else ""
    what = "no weights in the checkpoint" if facts.checkpoint else "no checkpoint"
    return (
        "checkpoint",
        f"There is {what}{loss}",
        "Look at the log for why it was not written (space, rights).",
    )


def _not_scored(facts: SmokeFacts) -> Red | None:
    if facts.scored:
        return None
    said = f": {_short(facts.error)}" if facts.error else ""
    return "scorer", f"The scorer did not load the checkpoint{said}", "Look at the log of the smoke run."


def _no_signal(facts: SmokeFacts) -> Red | None:
    """RL learns from the difference between answers: where all fail, or all pass, there is none."""
    if facts.technique not in SAMPLES_FIRST or not facts.rollouts:
        return None
    n, passed = facts.rollouts, facts.rollouts_passed
    if passed == 0 and facts.best_item <= 0:
        high = wilson(0, n)[1]
        return "no signal", (
            f"No reward signal: none of {n} completions sampled from the base passes (so at most {high:.0%} do)"
        ), (
            "RL has nothing to learn from: easier prompts, a prompt that shows the wanted form, or a short SFT on "
            "worked answers first (then warm-start from it)."
        )  # fmt: skip
    if passed == n and facts.technique in ONLINE:
        return (
            "no signal",
            f"No reward signal: all {n} completions sampled from the base pass",
            ("There is nothing left to learn here: harder prompts, or another target."),
        )
    return None


def _unparseable(facts: SmokeFacts) -> Red | None:
    if facts.parsed or facts.best_item > 0 or _has_signal(facts):
        return None
    cut = facts.truncated >= 0.8 * (facts.scored or 1)
    mend = (
        f"{_CUT}: raise generation.max_new_tokens."
        if cut
        else "Compare an answer with what the verifier wants (the spot check shows them side by side): ask for the "
        "form in the prompt, train on answers in that form, or take the verifier that fits."
    )
    quoted = f" The model said {_quoted(facts.said)}." if facts.said else ""
    why = facts.why or "no answer found"
    return "unparseable", f"{facts.verifier} can read none of {facts.scored} answers: {why}.{quoted}", mend


def _zero(facts: SmokeFacts) -> Red | None:
    if facts.best_item > 0 or _has_signal(facts):
        return None
    lost = (
        f", though the base model solved {facts.base_solved} of these items: training broke something"
        if facts.base_solved
        else ""
    )
    return (
        "zero score",
        f"None of {facts.scored} held-out items scores above zero{lost}",
        (
            "Check the format of the training answers against the verifier; a lower learning_rate where the base "
            "could do it."
        ),
    )


def _has_signal(facts: SmokeFacts) -> bool:
    """A technique whose first steps need not score, and whose base is right now and then."""
    return facts.technique in SAMPLES_FIRST and facts.rollouts_passed > 0


_RULES: tuple[Callable[[SmokeFacts], Red | None], ...] = (
    _ended_by_memory,
    _never_ended,
    _failed,
    _drifts,
    _not_finite,
    _no_step,
    _no_checkpoint,
    _not_scored,
    _no_signal,
    _unparseable,
    _zero,
)


def evidence(facts: SmokeFacts) -> tuple[str, ...]:
    """What was seen, in a few short lines."""
    said: list[str] = []
    if facts.rendered is not None and not facts.render_error:
        same = facts.rendered - sum(d.count for d in facts.drift)
        said.append(
            f"{same} of {facts.rendered} training prompts are, token by token, what scoring shows the model."
        )
    if facts.steps:
        pace = f", {facts.step_time:.2g} s each" if facts.step_time else ""
        said.append(f"{facts.steps} optimizer step{'s' if facts.steps > 1 else ''}{pace}.")
    if facts.losses:
        said.append(f"Loss {' '.join(f'{loss:.3g}' for loss in facts.losses[:8])}.")
    if facts.rollouts:
        said.append(
            f"Sampled from the base: {_share(facts.rollouts_passed, facts.rollouts)} pass, "
            f"{_share(facts.rollouts_parsed, facts.rollouts)} can be parsed."
        )
    if facts.checkpoint:
        said.append(f"Checkpoint {facts.checkpoint}, {_mb(facts.checkpoint_bytes)}.")
    if facts.scored:
        said.append(
            f"Scored from the disk: {facts.mean:.2f} on {facts.scored} held-out items, {facts.parsed} parsed, "
            f"{facts.truncated} cut off."
        )
    if facts.peak_bytes:
        said.append(f"Peak memory {_mb(facts.peak_bytes)}.")
    return tuple(said)


def cautions(facts: SmokeFacts) -> tuple[str, ...]:
    """What does not close the gate, and is worth knowing before the budget is spent."""
    said: list[str] = []
    if facts.scored and 0.5 * facts.scored <= facts.truncated:
        said.append(
            f"{facts.truncated} of {facts.scored} answers are cut off: raise generation.max_new_tokens."
        )
    if facts.rollouts and facts.technique in ONLINE and 0 < facts.rollouts_passed < 0.05 * facts.rollouts:
        said.append(
            f"The base passes only {_share(facts.rollouts_passed, facts.rollouts)}: a weak signal, so learning will "
            "be slow. Larger groups (num_generations) or easier prompts help."
        )
    if (
        facts.base_solved
        and facts.scored
        and facts.best_item > 0
        and facts.mean < 0.5 * facts.base_solved / facts.scored
    ):
        said.append(
            "It scores less than half of what the base did on these items: a lower learning_rate may be wise."
        )
    if facts.state == "stopped" and facts.steps:
        said.append(f"Time was up after {facts.steps} step{'s' if facts.steps > 1 else ''}.")
    return tuple(said)


def _where(stage: str) -> str:
    return {
        "": "at the start",
        "importing": "while importing",
        "loading": "while loading the model",
        "tokenizing": "while preparing the rows",
        "training": "in training",
        "evaluating": "while scoring",
        "saving": "while saving",
    }.get(stage, f"at {stage}")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


def _mb(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 240 else flat[:239] + "…"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…") if text else "nothing"


def passed_stages(verdict: SmokeVerdict) -> Sequence[tuple[Stage, str, bool | None]]:
    """Every stage with whether it passed: True before the one that failed, None after it."""
    if verdict.green:
        return [(stage, says, True) for stage, says in STAGES]
    names = [stage for stage, _ in STAGES]
    at = names.index(verdict.stage) if verdict.stage in names else 0
    return [
        (stage, says, True if i < at else False if i == at else None)
        for i, (stage, says) in enumerate(STAGES)
    ]
