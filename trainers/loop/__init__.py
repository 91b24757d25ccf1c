"""The frame of a run: attempt, training with mid-evals, checkpoints, ending.

May import: every package of trainers.
Start reading at `attempt.py`, `train.py`, `mid_eval.py`.
"""
