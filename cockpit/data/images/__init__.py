"""Images in rows: what names one, which place of the text each belongs to, and how one is opened.

May import: `cockpit.contract.errors`; Pillow where an image is opened.
Start reading at `refs.py` (what names an image), then `seats.py` (where it stands in the text).
"""
