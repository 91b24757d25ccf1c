"""What comes from others, within bounds of size, depth, kind and time: files, folders and what programs say.

May import: `cockpit.contract.atomic`.
Start reading at `untrusted.py` (files and JSON), then `children.py` (programs) and `manifest.py` (folders of files).
"""
