"""Charts in a grid of characters: arithmetic, rasters and parts; nothing here knows a screen.

May import: `core.series`.
Start reading at `figure.py`, which puts together what `plot.py` computes.
"""
