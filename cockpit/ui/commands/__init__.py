"""What each action of the table does, by capability: moving, charts, screens, runs, making experiments.

May import: every package of the screens, each when it is first asked for; not `ui.app`.
Start reading at `dispatch.py`.
"""
