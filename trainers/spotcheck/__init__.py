"""Rows and prompts exactly as the model sees them; the spot check runs this in a separate process.

May import: `trainers.data`, `trainers.model`, `trainers.attempt`, `cockpit.data`, `cockpit.contract`.
Start reading at `render.py`.
"""
