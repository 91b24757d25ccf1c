"""Judge code that nobody vouches for by tests that somebody wrote: each runs in a process of its own.

The completion's code runs behind walls and knows neither the tests nor what they expect. The tests run in a second
process, where the completion's functions are stand-ins that send arguments over a pipe and get plain values back.

May import: `cockpit.contract`, `cockpit.verifiers.walls`; what runs in the processes, the standard library alone.
Start reading at `run.py` (this side), then `harness.py` (the processes), `judge.py` (tests) and `guest.py` (code).
"""
