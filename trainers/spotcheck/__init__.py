"""Rows and prompts exactly as the model sees them; asked by the spot check in a process of its own.

May import: `trainers.data`, `trainers.model`, `trainers.attempt`.
Start reading at `render.py`.
"""
