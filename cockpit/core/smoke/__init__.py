"""The gate before the budget: what a smoke run's facts amount to.

May import: core's root.
Start reading at `gate.py`.
"""
