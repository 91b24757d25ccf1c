"""Variants by name: what each sets, from which paper, and when it is worth trying.

A preset is asked for like a setting: `preset=dapo`, or several (`preset=gspo,dora`). What is asked for beside it wins
over it; it wins over the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.recipe.settings import shown

NAME = "preset"


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of settings. `when`: what speaks for it; `source`: where all of it is from."""

    name: str
    settings: Mapping[str, Any]
    when: str
    source: str
    techniques: tuple[str, ...] = ("grpo",)


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "dapo",
            {
                "loss_type": "dapo",
                "epsilon": 0.2,
                "epsilon_high": 0.28,
                "mask_truncated_completions": True,
                "beta": 0.0,
            },
            "Long answers: entropy falls early, and cut answers are punished for their length. Groups without a "
            "signal are not sampled anew.",
            "Yu et al. 2025 (arXiv 2503.14476): clip-higher, token-level loss, overlong filtering, no KL",
        ),
        Preset(
            "dr-grpo",
            {"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 0.0},
            "Wrong answers grow longer while the score stays; prompts that are nearly always right or wrong rule.",
            "Liu et al. 2025 (arXiv 2503.20783): no length bias, no difficulty bias, no KL",
        ),
        Preset(
            "gspo",
            {
                "importance_sampling_level": "sequence",
                "loss_type": "grpo",
                "epsilon": 3e-4,
                "epsilon_high": 4e-4,
                "beta": 0.0,
            },
            "The importance ratio explodes: mixture-of-experts models, long answers, several updates on a batch.",
            "Zheng et al. 2025 (arXiv 2507.18071): one ratio a sequence, and its clip range",
        ),
        Preset(
            "cispo",
            {"loss_type": "cispo", "epsilon_high": 5.0, "beta": 0.0},
            "Rare tokens that turn an answer (`wait`, `however`) are clipped out of the loss.",
            "MiniMax 2025 (arXiv 2506.13585); the bound from ScaleRL (arXiv 2510.13786)",
        ),
        Preset(
            "sapo",
            {"loss_type": "sapo", "beta": 0.0},
            "Training is off-policy, and the hard clip makes it jump.",
            "Gao et al. 2025 (arXiv 2511.20347): a soft gate in place of the clip",
        ),
        Preset(
            "luspo",
            {"loss_type": "luspo", "importance_sampling_level": "sequence", "beta": 0.0},
            "GSPO, where the answers' length drifts.",
            "arXiv 2602.05261: each sequence's loss counts by its length",
        ),
        Preset(
            "gdpo",
            {"multi_objective_aggregation": "normalize_then_sum"},
            "Several rewards (`rewards=verifier,0.2*format`), of which the one that varies most drowns the others.",
            "arXiv 2601.05242: each reward is normalized within its group before they are added",
        ),
        Preset(
            "dft",
            {"loss_type": "dft"},
            "SFT on demonstrations that the model finds unlikely, where it forgets or generalizes badly.",
            "Wu et al. 2025 (arXiv 2508.05629): tokens weighted by their own probability",
            ("sft",),
        ),
        Preset(
            "dora",
            {"peft.use_dora": True},
            "LoRA stays behind full weights, at small ranks above all. Slower; vLLM does not serve it unmerged.",
            "Liu et al. 2024 (arXiv 2402.09353): magnitude and direction apart",
            TECHNIQUES,
        ),
        Preset(
            "rslora",
            {"peft.use_rslora": True},
            "Ranks of 64 and more, whose updates plain LoRA scales down too far.",
            "Kalajdzievski 2023 (arXiv 2312.03732): scaled by the root of the rank",
            TECHNIQUES,
        ),
        Preset(
            "pissa",
            {"peft.init_lora_weights": "pissa"},
            "Few steps: the adapter begins as the base's main directions. It fits its own base alone, and vLLM does "
            "not serve it unmerged.",
            "Meng et al. 2024 (arXiv 2404.02948)",
            TECHNIQUES,
        ),
    )
}


def take(asked: dict[str, Any], technique: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings with those of their preset beneath them, and why each of these has its value.

    Raises CockpitError for a preset that isn't there or is another technique's, and for two that contradict each other.
    """
    rest = {name: value for name, value in asked.items() if name != NAME}
    made: dict[str, Any] = {}
    why: dict[str, str] = {}
    for name in _names(asked.get(NAME)):
        preset = _known(name, technique)
        for setting, value in preset.settings.items():
            if made.get(setting, value) != value:
                raise CockpitError(
                    f"preset={asked[NAME]}: they set {setting} to {shown(made[setting])} and to {shown(value)}",
                    "Keep one of them.",
                )
            made[setting] = value
            field = setting if "." in setting else f"trainer.{setting}"
            if setting not in rest:
                why[field] = f"{shown(value)} by the preset {name}: {preset.source}"
    return {**made, **rest}, why


def named(technique: str) -> list[str]:
    """Return the presets that a technique has."""
    return [preset.name for preset in PRESETS.values() if technique in preset.techniques]


def _names(value: object) -> list[str]:
    if value is None:
        return []
    return [part.strip().lower().replace("_", "-") for part in str(value).split(",") if part.strip()]


def _known(name: str, technique: str) -> Preset:
    preset = PRESETS.get(name)
    if preset is None or technique not in preset.techniques:
        whose = f", only {', '.join(preset.techniques)}" if preset else ""
        raise CockpitError(
            f"preset={name}: {technique.upper()} has no such preset{whose}",
            f"It has: {', '.join(named(technique))}.",
        )
    return preset
