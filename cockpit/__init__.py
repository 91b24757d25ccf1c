"""A terminal cockpit for fine-tuning language models.

May import: cli -> ui -> services -> core -> data -> verifiers -> contract, downwards alone; never `trainers`.
Start reading at `contract/layout.py` (an attempt's folder), then `services/experiments` (what is done to one).
"""

__version__ = "0.1.0"
