"""One flat script per technique, run as `python -m trainers.sft ATTEMPT_DIR`, and what they share.

A run on one process is understood from the script (`sft.py`), `data/demonstrations.py`, `model/loading.py`,
`loop/train.py`, `loop/mid_eval.py` and `scoring/scoring.py`. What is nothing for it (several processes, sharded
weights, vLLM, evo, a tracker) is chosen once, in `loop/frame.py` and `scoring.engine_of`, and else not imported.

May import: `cockpit.contract`, `cockpit.data`, `cockpit.verifiers`. The packages import each other one way only, as
pyproject.toml declares: attempt, model, data, scoring, report, loop, rollouts, then the scripts.
Start reading at `sft.py`.
"""
