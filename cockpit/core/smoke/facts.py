"""What a smoke run left behind, as the values that the gate judges."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.contract.techniques import SAMPLING
from cockpit.core import group_signal
from cockpit.core.stats import wilson

LAX_ITEMS, LAX_SHARE = 2, 0.05
"""From so many items, and more than this share of them, wrong answers that pass are the verifier's fault."""
FLAT_STEPS, FLAT_CHANCE = 4, 0.01
"""Steps without any difference within a group that prove something, where chance brings them about less often."""
_WEAK = 0.05
"""The pass rate that is asked of a base of which no sampled answer passed."""


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
    items: int = 0
    """Items that could be asked about."""
    accepting_items: int = 0
    """Of how many of them a wrong answer passes."""

    @property
    def lax(self) -> bool:
        """Whether wrong answers pass in more than a stray item, whose own tests may be weak."""
        return self.accepting_items >= LAX_ITEMS and self.accepting_items > LAX_SHARE * self.items


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
    part: str = ""
    """What the trainer says that its failure is about: data, reward, settings."""
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
    def chance_of_flat(self) -> float:
        """How likely it is that no group differed in all of these steps, at the best pass rate known; 1: no telling.

        Where no sampled answer passed, the rate may still be as high as its upper bound: of few answers that says
        nothing, so no more than a weak one is taken.
        """
        if not self.flat or min(self.flat) < 1 or not self.rollouts:
            return 1.0
        group = self.group or group_signal.USUAL
        rate = self.rollouts_passed / self.rollouts or min(_WEAK, wilson(0, self.rollouts)[1])
        groups = len(self.flat) * max(1, self.rollouts // group)
        return (1 - group_signal.differing(rate, group)) ** groups

    @property
    def never_differs(self) -> bool:
        """Whether no group differed, in more steps than chance explains."""
        return len(self.flat) >= FLAT_STEPS and self.chance_of_flat < FLAT_CHANCE

    @property
    def has_signal(self) -> bool:
        """Whether its technique's first steps need not score, as the base is right now and then."""
        return self.technique in SAMPLING and self.rollouts_passed > 0
