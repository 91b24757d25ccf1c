"""What comes from others, within bounds of size, depth, kind and time: files, and what programs say.

May import: nothing of the cockpit.
Start reading at `untrusted.py` (files and JSON), then `children.py` (programs).
"""
