"""The guided set-up: a page at a time, from a data file and a model's name to a proven recipe.

May import: every package of services but `foreign` and `serving`.
Start reading at `steps.py` (the table of steps), then `wizard.py` (the walk) and `session.py` (what it knows).
"""
