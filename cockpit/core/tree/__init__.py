"""A tree of experiments: filter and sort it, compare, find the best path, and check before the next launch.

May import: `core.recipe`, core's root, `cockpit.contract`.
Start reading at `leaderboard.py`; `prelaunch_checks.py` for what the log says before a launch.
"""
