"""What several steps do alike, each within a transaction of its caller, which begins and ends it."""
