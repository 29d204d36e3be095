"""Pixels. Synchronous; imported by the sandbox alone."""
