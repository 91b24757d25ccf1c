"""Ask a verifier about made-up completions of known worth, before RL trains on its word.

May import: `cockpit.verifiers`, `cockpit.contract.errors`.
Start reading at `audit.py` (the outcome), then `cases.py` (what is asked).
"""
