"""What a data set is like as a whole: lengths, duplicates, how its prompts ask and its targets answer.

May import: `cockpit.data`, `cockpit.verifiers`; no other package of core.
Start reading at `profile.py`.
"""
