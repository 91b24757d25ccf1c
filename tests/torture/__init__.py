"""A campaign of faults: `make torture` breaks files and kills writers, and counts what survived, was lost, or lied."""
