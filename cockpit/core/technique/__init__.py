"""Which technique fits: a decision tree over the shape of the reward, the facts it reads, its ends and cautions.

May import: `core.dataset`, core's root, `cockpit.data`, `cockpit.verifiers`, `cockpit.contract`.
Start reading at `decision.py`, which walks the tree that `tree.py` holds as data.
"""
