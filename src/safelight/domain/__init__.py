"""Facts and rules: pure, on the standard library alone; no I/O, no clock, no randomness."""
