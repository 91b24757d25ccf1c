"""The embedded default: a tiny model, its tokenizer and a verifiable task, all made here from a seed."""
