"""A run from its first event to its last: frame, settings, TRL's trainers as the cockpit runs them, mid-eval.

May import: every other package of trainers but `rollouts` and `spotcheck`.
Start reading at a script (`trainers/sft.py`), then `frame.py`, `train.py`, `mid_eval.py`.
"""
