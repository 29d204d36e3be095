"""Scans files: by ClamAV, or by a function of the kinds file."""
