"""Read rows one at a time from files of every kind, told apart by content first and by name second.

May import: `cockpit.contract.errors`, `data.rows`, `data.images`; pyarrow where a Parquet or Arrow file is opened.
Start reading at `files.py`.
"""
