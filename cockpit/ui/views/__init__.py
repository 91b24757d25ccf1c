"""Values in, lines out: what each panel says, as pure functions that are tested apart from drawing."""
