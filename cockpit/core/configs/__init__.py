"""Configurations of other trainers (TRL, axolotl, LLaMA-Factory, unsloth): to and from a recipe's settings.

May import: `contract` and `core.recipe`.
Start reading at `carried.py` (what becomes of each setting), then `axolotl.py` as the pattern of a tool.
"""
