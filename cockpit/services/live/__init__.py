"""The live path: a growing attempt folder, read in bounded pieces and folded into what the screens show.

May import: nothing of services.
Start reading at `follower.py` (the thread), then `attempt_tail.py`, then `attempt_state.py`.
"""
