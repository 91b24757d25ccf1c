"""Every verifier there is, as it is offered to a person: how it is written, and what it wants."""

from __future__ import annotations

from dataclasses import dataclass

THINKING = "thinking=read/"
"""Before a name: what stands in a closed block of thinking counts as answer, too."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A verifier as it is offered. `graded`: it says better and worse (0 to 1), not right and wrong."""

    spec: str
    wants: str
    graded: bool = False

    @property
    def name(self) -> str:
        """The name without its argument."""
        return name_of(self.spec)


KINDS = (
    Kind("exact", "the answer alone"),
    Kind("tagged:answer", "`<answer>18</answer>` (any tag)"),
    Kind("numeric", "the last number"),
    Kind("boxed", "`\\boxed{18}`"),
    Kind("hashes", "GSM8K's `#### 18`"),
    Kind("choice", "a choice letter; `choice:ABCDE` says which"),
    Kind("regex:PATTERN", "what the pattern's group (or match) finds"),
    Kind("math", "mathematics that equals the gold answer: math-verify, and an exact check on top"),
    Kind("json-schema:FILE", "JSON that fits the schema of a file, or of the item's column `schema`"),
    Kind("tool-call", "the gold tool calls: names and arguments, in any order"),
    Kind("tests", "Python that passes the item's unit tests, in a sandbox"),
    Kind(
        "MODULE:FUNCTION",
        "your own `function(completion, item)`, which returns a bool, a score, or (score, parsed, why)",
    ),
    Kind("f1", "words in common with a reference, graded: a stand-in for prose, never a reward", graded=True),
)
NAMES = tuple(kind.spec for kind in KINDS)
LISTED = ", ".join(NAMES)
"""All of them in one line."""


def name_of(spec: str) -> str:
    """The verifier's bare name in a spec: `choice` of `thinking=read/choice:ABC`."""
    return spec.strip().removeprefix(THINKING).partition(":")[0]


def is_graded(spec: str) -> bool:
    """Whether it grades (better and worse) rather than decides (right and wrong)."""
    return any(kind.graded for kind in KINDS if kind.name == name_of(spec))
