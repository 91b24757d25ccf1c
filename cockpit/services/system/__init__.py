"""This machine: processes, hardware, environments, the terminal, how a program is started.

May import: nothing of services.
Start reading at `processes.py`, `spawn.py`.
"""
