"""`new`, `import`, `export`, `settings`, `fit`, `sweep`: make drafts, from settings or from files of other trainers.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`, `cli.tree.look`, `cli.spotcheck`.
Start reading at `new.py`.
"""
