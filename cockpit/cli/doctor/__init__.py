"""`doctor`, `env`: report what this machine has, and make environments for what pins other versions.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `doctor.py`.
"""
