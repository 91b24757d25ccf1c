"""One warm vLLM server a base model and box: started, kept, found again, ended without a trace.

May import: `services.dataset`, `services.recipe`, `services.runs`, `services.system`, `services.workspace`.
Start reading at `servers.py`; `keeper.py` is the process that stays, `beside.py` starts one for a run.
"""
