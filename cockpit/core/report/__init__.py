"""A report for those who weren't there: what it says as values, and the page and the Markdown that are made of them.

May import: `core.chart`, `core.tree`, core's root.
Start reading at `facts.py` (the values), then `page.py` and `markdown.py`, which put them into words.
"""
