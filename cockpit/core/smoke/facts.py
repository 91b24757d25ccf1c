"""What a smoke run left behind, as the values that the gate judges."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.contract.techniques import SAMPLING


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the prompt of training and the one of scoring, in `count` of the rows shown."""

    train: str
    eval: str
    before: str
    count: int
    only_ids: bool = False


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit of the verifier on the run's own gold answers found (RL only), with its sentence."""

    cases: int
    false_accepts: int
    false_rejects: int
    says: str
    example: str = ""


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
    batch_time: float | None = None
    """Of a batch of answers in a mini-eval."""
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
    group: int = 0
    """Answers a prompt, where the technique compares those of one prompt; else 0."""
    flat: tuple[float, ...] = ()
    """Of each step, the share of the groups whose answers all earned the same."""
    base_solved: int = 0
    """Items among those scored that the base model solved in the baseline."""
    fix: str = ""
    """What the trainer itself said of a lack of memory."""
    audit: Audited | None = None

    @property
    def has_signal(self) -> bool:
        """Whether its technique's first steps need not score, as the base is right now and then."""
        return self.technique in SAMPLING and self.rollouts_passed > 0
