"""What keeps the state fresh: the thread that polls the workspace, the open tails, how often the screen may change.

May import: `ui.backend`, `ui.messages`, `ui.state`; `services` for their types, `contract`.
Start reading at `poller.py`, then `feeds.py`.
"""
