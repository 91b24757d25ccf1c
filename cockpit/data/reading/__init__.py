"""Rows out of files of every kind, one at a time: what a file is is told by its content, then by its name.

May import: `cockpit.contract.errors`, `data.rows`; pyarrow where a Parquet or Arrow file is opened.
Start reading at `files.py`.
"""
