"""Forms and questions that move an experiment: new, decide, confirm.

May import: `ui.text`, `ui.widgets`, `ui.pages`.
Start reading at `new_experiment.py`.
"""
