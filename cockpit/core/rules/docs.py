"""The page on judgement, generated from the table: what each rule means, what to do, by which numbers, from where.

python -m cockpit.core.rules.docs > docs/judgement.md
"""

from __future__ import annotations

from cockpit.core.rules.rule import Offer, Rule
from cockpit.core.rules.table import RULES
from cockpit.core.smoke.verdict import SOURCE, STAGES

OFFERED: dict[Offer, str] = {
    "stop": "stop the run with a checkpoint",
    "spot_check": "spot check, side by side",
    "verifier_reward": "a new experiment with the verifier as the reward",
    "compare": "compare the experiments",
    "discard": "discard the experiment",
}
_INTRO = """# Judgement

What the cockpit says about runs and experiments, and why. Each finding names its rule; the rules stand here in the
order in which findings of one severity are shown. Thresholds are compared statistically where items are counted.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [_INTRO]
    family = ""
    for rule in RULES:
        if rule.family != family:
            family = rule.family
            parts.append(f"## {family.capitalize()}\n")
        parts.append(_entry(rule))
    stages = "\n".join(f"- **{stage}**: {proves}" for stage, proves in STAGES)
    parts.append(f"## The smoke run\n\nRed at the first of these that fails ({SOURCE}).\n\n{stages}\n")
    return "\n".join(parts)


def _entry(rule: Rule) -> str:
    lines = [f"### {rule.id}", "", rule.means, "", f"What to do: {rule.advice}", ""]
    lines += [f"- {name.replace('_', ' ')}: {t.value:g}, {t.means}" for name, t in rule.thresholds.items()]
    if rule.offers:
        lines.append(f"- offered: {'; '.join(OFFERED[offer] for offer in rule.offers)}")
    lines.append(f"- source: {'; '.join((rule.source, *rule.other_sources))}")
    if rule.by_trainer:
        lines.append("- trainers report it themselves")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(page(), end="")
