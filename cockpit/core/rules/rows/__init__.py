"""The rows of the table of rules, a file for each family, the gravest rule of a family first.

May import: `core.rules.rule`.
Start reading at `loss.py`; `core/rules/table.py` puts the families in order.
"""
