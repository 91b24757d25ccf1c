"""Tokenizer, model and adapter: load, generate, keep what was expensive to make.

May import: `cockpit.contract`, `trainers.distributed`.
Start reading at `loading.py`.
"""
