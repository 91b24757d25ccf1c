"""Word the gate's judgement: the headline and what to do for each cause, what was seen, what to keep in mind."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.contract.techniques import REWARDED
from cockpit.core import group_signal
from cockpit.core.smoke.facts import SmokeFacts
from cockpit.core.smoke.verdict import Cause
from cockpit.core.stats import wilson

FELL = 0.9  # a loss that ends below so much of where it began has fallen
_NOTHING_LEFT = (
    "Every row was dropped: where the prompt alone fills max_length, no answer is left to learn. Raise max_length, or "
    "leave the longest prompts out."
)
Words = tuple[str, str]
"""A headline, and what to do."""


def headline_of_green(facts: SmokeFacts) -> str:
    """Say what a green run proved."""
    if facts.best_item <= 0:
        return (
            f"The pipeline works: {facts.checkpoint} loads from the disk; it scores 0 yet, but the base passes "
            f"{_share(facts.rollouts_passed, facts.rollouts)} when sampled, which RL can learn from."
        )
    return f"The pipeline works: {facts.checkpoint} loads from the disk and scores {facts.mean:.2f}."


def words_of(cause: Cause, facts: SmokeFacts) -> Words:
    """Say why a run is red, and what to do."""
    return _WORDS[cause](facts)


def _memory(facts: SmokeFacts) -> Words:
    fix = facts.fix or "Halve per_device_train_batch_size and double gradient_accumulation_steps."
    return f"Memory ran out {_where(facts.stage)}, on the longest examples", fix


def _no_step(facts: SmokeFacts) -> Words:
    took = f" in {facts.seconds:.0f} s" if facts.seconds else ""
    return f"Not one optimizer step was done{took}", (
        "On this machine the recipe is too slow: a smaller batch, shorter sequences (max_length, "
        "max_completion_length), fewer num_generations, a smaller model, or a GPU."
    )


def _prompts_differ(facts: SmokeFacts) -> Words:
    worst = facts.drift[0]
    kind = "the tokens differ though the text is the same" if worst.only_ids else "the prompts differ"
    headline = (
        f"Training and scoring show the model different prompts ({kind} in {sum(d.count for d in facts.drift)} of "
        f"{facts.rendered or 0} rows): training has {_quoted(worst.train)} where scoring has {_quoted(worst.eval)}"
    )
    return headline, (
        "Use one template for both: the same system prompt (data.system_prompt) and the same thinking switch, and "
        "prompts as messages rather than ready-made text."
    )


def _not_finite(facts: SmokeFacts) -> Words:
    names = ", ".join(facts.nonfinite)
    return f"{names} is not a finite number", (
        "Use model.dtype=bfloat16 or float32 instead of float16, a lower learning_rate, and look for empty answers "
        "(a loss over no tokens is NaN)."
    )


def _no_checkpoint(facts: SmokeFacts) -> Words:
    losses = list(facts.losses)
    fell = len(losses) > 1 and losses[-1] < FELL * losses[0]
    loss = f" although the loss fell from {losses[0]:.3g} to {losses[-1]:.3g}" if fell else ""
    what = "no weights in the checkpoint" if facts.checkpoint else "no checkpoint"
    return f"There is {what}{loss}", "Look at the log for why it was not written (space, rights)."


def _not_scored(facts: SmokeFacts) -> Words:
    said = f": {_short(facts.error)}" if facts.error else ""
    return f"The scorer did not load the checkpoint{said}", "Look at the log of the smoke run."


def _none_pass(facts: SmokeFacts) -> Words:
    high = wilson(0, facts.rollouts)[1]
    return (
        f"No reward signal: none of {facts.rollouts} completions sampled from the base passes (so at most {high:.0%} "
        "do)",
        "RL has nothing to learn from: easier prompts, a prompt that shows the wanted form, or a short SFT on "
        "worked answers first (then warm-start from it).",
    )


def _none_differ(facts: SmokeFacts) -> Words:
    rate = facts.rollouts_passed / facts.rollouts if facts.rollouts else 0.0
    return (
        f"No reward signal: in {len(facts.flat)} steps all answers to a prompt earned the same, so nothing was learnt "
        f"(the base passes {_share(facts.rollouts_passed, facts.rollouts)})",
        _sentence(group_signal.cure(rate, facts.group or group_signal.USUAL)),
    )


def _unread(fix: str) -> Callable[[SmokeFacts], Words]:
    def words(facts: SmokeFacts) -> Words:
        quoted = f" The model said {_quoted(facts.said)}." if facts.said else ""
        why = facts.why or "no answer found"
        return f"{facts.verifier} can read none of {facts.scored} answers: {why}.{quoted}", fix

    return words


def _all_zero(facts: SmokeFacts) -> Words:
    lost = (
        f", though the base model solved {facts.base_solved} of these items: training broke something"
        if facts.base_solved
        else ""
    )
    return f"None of {facts.scored} held-out items scores above zero{lost}", (
        "Check the format of the training answers against the verifier; a lower learning_rate where the base "
        "could do it."
    )


def _accepts_wrong(facts: SmokeFacts) -> Words:
    audit = facts.audit
    example = f" One that passes: {_quoted(audit.example)}." if audit is not None and audit.example else ""
    says = audit.says if audit is not None else "The verifier accepts wrong answers"
    return f"{says}{example}", (
        "RL would find that within hours: mend the verifier, or choose another (`cockpit audit` shows each case)."
    )


def _said(facts: SmokeFacts) -> str:
    return _short(facts.error or facts.sentence)


_WORDS: dict[Cause, Callable[[SmokeFacts], Words]] = {
    "memory": _memory,
    "no_step": _no_step,
    "dtype": lambda facts: (
        f"Number formats clash: {_said(facts)}",
        "Set model.dtype (float32 is always safe) and try again.",
    ),
    "ended_outside": lambda facts: (
        f"The process was ended from outside {_where(facts.stage)}: {_said(facts)}",
        "Start the smoke run again.",
    ),
    "no_rows": lambda facts: ("Nothing was left to train on", _NOTHING_LEFT),
    "package_missing": lambda facts: (
        f"A package that training needs is missing or broken: {_said(facts)}",
        "Install it in the environment that trains: `cockpit doctor` says which one that is, and what it lacks.",
    ),
    "reward_breaks": lambda facts: (
        f"The reward can't be used: {_said(facts)}",
        "Correct the function that it names, or leave it out of `rewards`.",
    ),
    "model_breaks": lambda facts: (
        f"The model does not load: {_said(facts)}",
        "Correct the model's path or id, or the file that it names.",
    ),
    "rows_break": lambda facts: (
        f"The rows can't be used: {_said(facts)}",
        "Mend the rows or name their columns (data.columns).",
    ),
    "setting_refused": lambda facts: (
        f"A setting can't be used: {_said(facts)}",
        "Correct it, or leave it out: `cockpit new --set NAME=VALUE`.",
    ),
    "scorer_breaks": lambda facts: (
        f"The scorer can't use the checkpoint: {_said(facts)}",
        "Look at the log of the smoke run.",
    ),
    "training_breaks": lambda facts: (
        f"Training breaks {_where(facts.stage)}: {_said(facts)}",
        "Correct the setting that it names.",
    ),
    "template_refuses": lambda facts: (
        f"The chat template refuses the rows: {_short(facts.render_error)}",
        "Mend the roles' order.",
    ),
    "prompts_differ": _prompts_differ,
    "accepts_wrong": _accepts_wrong,
    "not_finite": _not_finite,
    "no_checkpoint": _no_checkpoint,
    "not_scored": _not_scored,
    "none_pass": _none_pass,
    "all_pass": lambda facts: (
        f"No reward signal: all {facts.rollouts} completions sampled from the base pass",
        "There is nothing left to learn here: harder prompts, or another target.",
    ),
    "none_differ": _none_differ,
    "cut_off": _unread("The answers are cut off: raise generation.max_new_tokens."),
    "unreadable": _unread(
        "Compare an answer with what the verifier wants (the spot check shows them side by side): ask for the "
        "form in the prompt, train on answers in that form, or take the verifier that fits."
    ),
    "all_zero": _all_zero,
}


def evidence(facts: SmokeFacts) -> tuple[str, ...]:
    """What was seen, in a few short lines."""
    said: list[str] = []
    if facts.rendered is not None and not facts.render_error:
        same = facts.rendered - sum(d.count for d in facts.drift)
        said.append(
            f"{same} of {facts.rendered} training prompts are, token by token, what scoring shows the model."
        )
    if facts.audit is not None and facts.audit.cases:
        said.append(facts.audit.says)
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
    if facts.audit is not None and facts.audit.accepting_items and not facts.audit.lax:
        said.append(
            f"The verifier accepts wrong answers of {facts.audit.accepting_items} of the {facts.audit.items} items of "
            "its audit: weak tests, or an odd gold answer? `cockpit audit` shows them."
        )
    if facts.audit is not None and facts.audit.false_rejects:
        said.append(
            f"The verifier rejects {facts.audit.false_rejects} right answers of the {facts.audit.cases} cases of its "
            "audit: `cockpit audit` shows them."
        )
    if facts.scored and 0.5 * facts.scored <= facts.truncated:
        said.append(
            f"{facts.truncated} of {facts.scored} answers are cut off: raise generation.max_new_tokens."
        )
    said += _weak_signal(facts)
    if len(facts.flat) > 1 and min(facts.flat) >= 1 and not facts.never_differs:
        said.append(
            f"In all {len(facts.flat)} steps the answers to a prompt earned the same. So few groups may do so by "
            "chance: watch frac_reward_zero_std in the run's first steps."
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


def _weak_signal(facts: SmokeFacts) -> list[str]:
    """Where few groups will differ: how many, and what would have to be true."""
    if (
        not facts.rollouts
        or not 0 < facts.rollouts_passed < facts.rollouts
        or facts.technique not in REWARDED
    ):
        return []
    rate, passes = facts.rollouts_passed / facts.rollouts, _share(facts.rollouts_passed, facts.rollouts)
    if not facts.group:
        return [f"The base passes only {passes}: a weak signal. Easier prompts help."] if rate < 0.05 else []
    if group_signal.fits(rate, facts.group):
        return []
    share = f"{group_signal.differing(rate, facts.group):.0%} of the groups of {facts.group}"
    return [
        f"The base passes {passes}: at most {share} will differ within, and only those teach. "
        + _sentence(group_signal.cure(rate, facts.group))
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


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
