"""What the live view costs, measured in a real pseudo-terminal: `python -m tests.bench`."""
