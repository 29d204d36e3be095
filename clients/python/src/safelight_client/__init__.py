"""Upload images to Safelight from Python."""
