"""Generate, verify, count: the same for mid-evals and for the held-out pass.

May import: `trainers.data`, `trainers.model`, `cockpit.verifiers`.
Start reading at `scoring.py`.
"""
