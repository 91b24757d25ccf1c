"""The embedded default: a tiny model, its tokenizer and a verifiable task, all made here from a seed.

May import: of the cockpit only `contract.lock`; torch and transformers only inside the functions that train.
Start reading at `task.py` (the task and its files), then `pretrain.py` (the model).
"""
