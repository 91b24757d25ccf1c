"""`init`, `cache`, `gc`, `mlflow`, and opening the screens.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `init.py`.
"""
