"""Advice: the decision tree over what the data, the verifier and the workspace show; and the literature.

May import: `services.dataset`, `services.experiments`, `services.workspace`.
Start reading at `advice.py`.
"""
