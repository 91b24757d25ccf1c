"""What the trainers share: one small module per concern."""
