"""One flat script per technique, run as `python -m trainers.sft ATTEMPT_DIR`, and what the scripts share.

The core of an SFT run is in six files: `sft.py`, `data/demonstrations.py`, `model/loading.py`, `loop/train.py`,
`loop/mid_eval.py`, `scoring/scoring.py`. Following it from start to end leads through seven more: `loop/frame.py`,
`data/prepared.py`, `data/selection.py`, `loop/progress.py`, `loop/trainer.py`, `loop/sft_trainer.py`, `evaluate.py`.
docs/architecture.md goes through them in order. Code for several processes, sharded weights, vLLM, evo or a tracker is
imported only by runs that use it; `loop/frame.py` and `engine_of` in `scoring/scoring.py` decide that.

May import: `cockpit.contract`, `cockpit.data`, `cockpit.verifiers`. The packages import each other one way only, as
pyproject.toml declares: attempt, model, data, scoring, report, loop, rollouts, then the scripts.
Start reading at `sft.py`.
"""
