"""Everything that touches files, processes, sockets and hardware.

May import: `cockpit.core` and what lies below it; which package may see which other is in pyproject.toml.
Start reading at `workspace/workspace.py` (what is there), then `experiments` (what is done), `runs` (processes).
"""
