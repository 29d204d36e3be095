"""Objects in a folder."""
