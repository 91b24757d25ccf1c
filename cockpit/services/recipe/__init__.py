"""From a request to a draft on the disk: resolved, fitted to the machine, checked against the guardrails.

May import: `services.dataset`, `services.rules`, `services.system`, `services.workspace`.
Start reading at `drafts.py`.
"""
