"""Samples that train: rewards, rollouts on record, RFT's rounds, PPO's loop.

May import: `trainers.data`, `trainers.model`, `trainers.scoring`.
Start reading at `rewards.py`.
"""
