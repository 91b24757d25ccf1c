"""The smoke run: ten examples through the whole pipeline, watched, judged and recorded.

May import: `services.experiments` (what the log lacks is written before a move) and what that may see.
Start reading at `run.py`.
"""
