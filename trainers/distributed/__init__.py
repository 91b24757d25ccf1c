"""Several processes of one run, which accelerate started: who writes, how they agree, sharded weights.

May import: `trainers.attempt`, `cockpit.contract`. Only `loop/frame.py` imports it, and only where there are several.
Start reading at `together.py`.
"""
