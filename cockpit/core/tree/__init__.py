"""A tree of experiments: filter and sort it, compare, find the best path, and check before the next launch.

May import: `core.recipe` and core's root.
Start reading at `leaderboard.py`; `prelaunch_checks.py` for what the log says before a launch.
"""
