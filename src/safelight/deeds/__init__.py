"""What several steps do alike. What changes records is within a transaction of its caller, which begins and ends it."""
