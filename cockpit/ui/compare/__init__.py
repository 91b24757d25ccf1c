"""Two to six experiments side by side on the screen.

May import: `ui.text`, `ui.widgets`, `ui.pages`.
Start reading at `screen.py`.
"""
