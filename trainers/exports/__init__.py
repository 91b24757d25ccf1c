"""Make of a checkpoint what leaves the house: adapter, merged weights, GGUF, what Ollama is told, a push to the hub.

May import: `trainers.model`, `trainers.attempt`, `cockpit.contract`. `gguf.py` runs in an environment of its own.
Start reading at `__main__.py` (the steps, a process each), then `weights.py`.
"""
