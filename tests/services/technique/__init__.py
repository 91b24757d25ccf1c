"""Advice on what a workspace shows."""
