"""A report of a workspace: its experiments as files say they are, put together and written where it was asked for.

May import: `services.rules`, `services.system`, `services.workspace`.
Start reading at `gather.py` (all of it), then `told.py` (one experiment).
"""
