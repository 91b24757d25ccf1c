"""Forms and questions that move an experiment: new, decide, confirm.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.messages`, `ui.app_protocol`; `services`, `core`,
`contract`.
Start reading at `new_experiment.py`.
"""
