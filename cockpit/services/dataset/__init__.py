"""Data on the disk or the hub: open, inspect, compare, and ask how the model sees it.

May import: `services.system`.
Start reading at `datasets.py`, `inspect.py`.
"""
