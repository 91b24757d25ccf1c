"""Answer, judge, count: the same for mid-evals and for the held-out pass.

May import: `trainers.data`, `trainers.model`, `trainers.attempt`, `cockpit.verifiers`.
Start reading at `scoring.py`. `served*.py` are imported only where a run is answered by vLLM, `pair_scoring.py` only
for reward models.
"""
