"""Samples that train: rewards, rollouts on record, RFT's rounds, PPO's loop.

May import: every other package of trainers but `distributed` and `spotcheck`.
Start reading at `rewards.py`.
"""
