"""What a run says of itself: telemetry, summaries, trackers, evo's files.

May import: `cockpit.contract`.
Start reading at `telemetry.py`, `summary.py`.
"""
