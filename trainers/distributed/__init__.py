"""Several processes of one run: who writes, how they agree, sharded weights.

May import: `cockpit.contract`.
Start reading at `ranks.py`.
"""
