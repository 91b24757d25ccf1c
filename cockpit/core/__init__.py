"""Pure judgement: values in, values out; no files, no clock, no screen, no torch.

May import: `cockpit.data`, `cockpit.verifiers`, `cockpit.contract`.
Start reading at `findings.py` (what a judgement is), then the package of the capability: `recipe`, `rules`, `tree`.
"""
