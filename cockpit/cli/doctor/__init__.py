"""`doctor`, `env`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `doctor.py`.
"""
