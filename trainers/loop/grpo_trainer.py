"""TRL's GRPOTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import GRPOTrainer

from trainers.loop.trainer import CockpitTrainer


class GrpoTrainer(CockpitTrainer, GRPOTrainer):
    """GRPOTrainer that survives a full disk; give it the `attempt` as well."""
