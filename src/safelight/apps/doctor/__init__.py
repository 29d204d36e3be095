"""The doctor: small checks of one installation, each of which says what it saw and how to mend it."""
