"""Judges in processes of their own: libraries that may hang, and foreign code that is to pass tests.

May import: `cockpit.contract.errors`; the processes themselves the library that they judge by.
Start reading at `sandbox.py` (this side), then `worker.py` and `harness.py` (the other one).
"""
