"""Every rule of judgement: over one run (`run_rules`), across experiments (`tree_rules`), and what each offers to do.

May import: `core.overlap`, `core.runs`, `core.smoke`, `core.technique`, and core's root.
Start reading at `table.py` (the rows stand under `rows`), then `run_rules/judge.py`, `tree_rules/diagnostics.py`.
"""
