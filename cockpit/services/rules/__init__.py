"""Findings of a run and of a workspace: files in, core's rules over them.

May import: `services.dataset`, `services.runs`, `services.workspace`.
Start reading at `workspace_findings.py`.
"""
