"""The numbers of a run as columns: held small, reduced fast, whatever their number.

May import: nothing of the cockpit.
Start reading at `table.py`.
"""
