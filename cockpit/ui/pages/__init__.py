"""What several screens are made from: a page of text, a dialog, the palette, the search line, the help.

May import: `ui.text`, `ui.widgets`.
Start reading at `page.py`, `dialog.py`.
"""
