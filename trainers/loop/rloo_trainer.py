"""TRL's RLOOTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import RLOOTrainer

from trainers.loop.trainer import CockpitTrainer


class RlooTrainer(CockpitTrainer, RLOOTrainer):
    """RLOOTrainer that survives a full disk; give it the `attempt` as well."""
