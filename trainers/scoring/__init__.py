"""Answer, judge, count: the same code scores the mid-evals and the held-out pass.

May import: `trainers.data`, `trainers.model`, `trainers.attempt`, `cockpit.verifiers`, `cockpit.contract`.
Start reading at `scoring.py`. Only runs that vLLM answers import `served*.py`, only reward models
import `pair_scoring.py`.
"""
