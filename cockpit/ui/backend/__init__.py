"""What the screens ask of the services, as a protocol, and the real thing behind it.

May import: `services`; of the screens `messages` and `state`.
Start reading at `protocol.py`.
"""
