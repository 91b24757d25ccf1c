"""A model that leaves the house: adapter, merged weights, GGUF, what Ollama needs, a model card; scored again, pushed.

May import: `recipe`, `report`, `rules`, `runs`, `system`, `workspace`; `core`, `contract`.
Start reading at `export.py` (the whole way), then `steps.py` (the processes), `scored.py` (the score), `card.py`.
"""
