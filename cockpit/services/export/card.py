"""The model card: what the model is, how it was made and what it scored, from the files of the workspace."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.contract.values import mapping
from cockpit.core.findings import Finding
from cockpit.core.markdown import shown, table
from cockpit.core.report.facts import SEVERITY_WORDS, Report, Told
from cockpit.core.report.markdown import as_markdown
from cockpit.core.scores import Score
from cockpit.services.system import hidden

LIBRARY = {"adapter": "peft", "merged": "transformers", "gguf": "gguf", "ollama": "gguf"}
LINE, LINES = 400, 200
_PLACE = re.compile(r"(?<![\w.:/<])(?:~|[A-Za-z]:)?[\\/](?:[^\s\\/|\"']+[\\/])+([^\s\\/|\"']*)")
USE = {
    "adapter": "PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(BASE), FOLDER)",
    "merged": "AutoModelForCausalLM.from_pretrained(FOLDER), or `vllm serve FOLDER`",
    "gguf": "`llama-cli -m FILE.gguf`, or any program built on llama.cpp",
    "ollama": "`ollama create NAME -f Modelfile`",
}


def card(
    told: Told, report: Report, recipe: Mapping[str, Any], *, form: str, base: str, exported: Score | None,
    checkpoint: Score | None, baseline: Score | None, runtime: str, findings: Sequence[Finding],
) -> str:  # fmt: skip
    """Return the card as Markdown. What others wrote stays text, and nothing in it is a secret."""
    front: dict[str, Any] = {
        "library_name": LIBRARY[form],
        "tags": ["fine-tuned", str(recipe.get("technique"))],
    }
    if "/" in base and not base.startswith(("/", ".")):
        front["base_model"] = base
    lines = ["---", *(f"{name}: {json.dumps(value)}" for name, value in front.items()), "---", ""]
    lines += [
        f"# {shown(report.title, LINE)}: {told.id}",
        "",
        f"{_said(told.technique)} on {_said(_short(base))}.",
    ]
    lines += ["", f"Load it: {USE[form]}.", "", "## Scores", ""]
    rows = [("the base model", _score(baseline)), ("the checkpoint", _score(checkpoint))]
    rows += [(f"this export, by {runtime}", _score(exported))]
    lines += table(("what", "held-out score [95 %]"), rows)
    if exported is None:
        lines += ["", "The export itself was not scored."]
    lines += ["", *(_finding(one) for one in findings)] if findings else []
    lines += ["", "## Recipe", "", *table(("setting", "value"), _settings(recipe))]
    lines += ["", "## How it was made", "", *(f"- {_said(line)}" for line in told.log[-LINES:])]
    lines += ["", _demoted(as_markdown(report))]
    # Where files lie on one machine is nobody else's business, and names its user.
    return "\n".join(_PLACE.sub(r"\1", line) for line in hidden.masked(lines)) + "\n"


def _said(text: str) -> str:
    return shown(text, LINE)


def _short(base: str) -> str:
    """A folder by its name alone: where it lies on one machine says nothing to others."""
    return base.rstrip("/").rpartition("/")[2] if base.startswith(("/", ".", "~")) else base


def _score(score: Score | None) -> str:
    return "-" if score is None else f"{score.text(3)} on {score.over()}"


def _finding(finding: Finding) -> str:
    word = SEVERITY_WORDS.get(finding.severity, finding.severity)
    return f"- **{word}**: {_said(finding.headline)}. {_said(finding.next_step)}"


def _settings(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the trainer was told: its own settings, the adapter's, how answers are generated, the seed."""
    rows: list[tuple[str, str]] = [("seed", str(recipe.get("seed")))]
    for part in ("trainer", "peft", "generation"):
        values = mapping(recipe.get(part))
        rows += [(f"{part}.{name}", json.dumps(value, ensure_ascii=False)) for name, value in values.items()]
    return rows


def _demoted(markdown: str) -> str:
    """The report as a part of the card: its mark and title are not repeated."""
    lines = markdown.splitlines()
    kept = [line for line in lines if not line.startswith(("<!-- ", "# "))]
    return "\n".join(["## Experiments", *kept]).rstrip()
