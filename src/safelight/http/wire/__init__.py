"""The JSON that comes in and goes out, parsed at the edge: past here no dict travels."""
