"""Walls round code that nobody vouches for: what it may read and write, whom it may reach; Linux's own, no root needed.

May import: the standard library alone: a bare interpreter loads these files by path.
Start reading at `walls.py` (which walls there are, and raising them), then `landlock.py`, `seccomp.py`, `spaces.py`.
"""
