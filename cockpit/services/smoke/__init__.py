"""The smoke run: ten examples through the whole pipeline, watched, judged and recorded.

May import: `services.recipe`, `services.spotcheck` and what those may see.
Start reading at `run.py`.
"""
