"""Alerts: ends of runs and findings, told once by apprise or by a command, from processes that outlive screens

May import: `services.runs`, `services.rules`, `services.workspace`, `services.system`.
Start reading at `look.py`, the process that a supervisor starts; `record.py` is what keeps a message from coming twice.
"""
