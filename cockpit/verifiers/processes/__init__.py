"""Judges that last in processes of their own: libraries that may hang, signal or crash, and functions of the user's.

May import: `cockpit.contract.errors`; the processes themselves the library that they judge by.
Start reading at `sandbox.py` (this side), then `worker.py` (the other one).
"""
