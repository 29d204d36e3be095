"""How waiters hear of changes."""
