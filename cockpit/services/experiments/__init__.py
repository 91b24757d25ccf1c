"""An experiment's life: set up, draft, gate, launch, score, decide, sweep, queue; each leaves its line in the log.

May import: every package of services but `technique`, `wizard`, `foreign` and `serving`.
Start reading at `lifecycle.py`.
"""
