"""`init`, `cache`, `gc`, `mlflow`, and bare `cockpit`: make, open and clean up a workspace.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`; `cli.wizard` and `ui.app` to open the screens.
Start reading at `init.py`.
"""
