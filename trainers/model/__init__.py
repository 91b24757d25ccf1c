"""Tokenizer, model and adapter: load them, ask them.

May import: `trainers.attempt`, `cockpit.contract`.
Start reading at `loading.py`.
"""
