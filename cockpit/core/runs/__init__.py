"""How one attempt stands, derived from what it left behind, and what may happen to it next.

May import: core's root, `cockpit.contract`; no other package of core.
Start reading at `evidence.py` (what was found), then `status.py` (what follows from it).
"""
