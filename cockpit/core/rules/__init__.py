"""Every rule of judgement: over one run (`run_rules`), across experiments (`tree_rules`), and what each offers to do.

May import: `core.overlap`, `core.runs`, `core.smoke`, `core.technique`, core's root, `cockpit.contract`.
Start reading at `table.py` (it collects the rows under `rows`), then `run_rules/judge.py`, `tree_rules/diagnostics.py`.
"""
