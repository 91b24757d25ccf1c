"""Which technique fits: the decision tree over the shape of the reward, its facts, ends and cautions.

May import: `core.dataset`, `core.stats`, `cockpit.data`.
Start reading at `decision.py` walks the tree that `tree.py` holds as data.
"""
