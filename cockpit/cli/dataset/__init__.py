"""`inspect`, `overlap`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `inspect.py`.
"""
