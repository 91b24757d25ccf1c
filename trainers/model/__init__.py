"""Tokenizer, model and adapter: load them, ask them.

May import: `trainers.attempt`, `cockpit.contract`, `cockpit.data`.
Start reading at `loading.py`.
"""
