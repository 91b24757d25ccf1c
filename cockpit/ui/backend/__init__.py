"""What the screens ask of the services, as a protocol, and the real thing behind it.

May import: `services`, `core` and `contract`; nothing else of the screens.
Start reading at `protocol.py`.
"""
