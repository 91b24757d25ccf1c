"""Asking other programs: a server of our own on the loopback, and whether the hub answers at all.

May import: the standard library.
Start reading at `loopback.py`.
"""
