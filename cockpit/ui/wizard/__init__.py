"""The wizard on the screen.

May import: `ui.text`, `ui.widgets`, `ui.pages`.
Start reading at `screen.py`; `view.py` makes its lines, `worker.py` answers and fetches pages in a thread.
"""
