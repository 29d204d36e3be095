"""The worker: runs jobs, and its side of the sandbox."""
