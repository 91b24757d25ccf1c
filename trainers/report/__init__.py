"""What a run says of itself: telemetry, summaries; trackers' and evo's files, where there is one of them.

May import: `trainers.scoring` and what it may.
Start reading at `telemetry.py`, `summary.py`.
"""
