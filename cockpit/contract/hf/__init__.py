"""The one line that makes any Hugging Face Trainer a run of the cockpit's: live, with stop and checkpoint requests.

    from cockpit.contract.hf import Cockpit
    trainer = SFTTrainer(..., callbacks=[Cockpit()])        # then: cockpit watch OUTPUT_DIR

May import: the rest of `cockpit.contract`, and transformers where the callback itself is asked for.
Start reading at `callback.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cockpit.contract.hf.callback import Cockpit as Cockpit

__all__ = ["Cockpit"]


def __getattr__(name: str) -> Any:
    if name != "Cockpit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cockpit.contract.hf.callback import Cockpit

    return Cockpit
