"""What holds on a live bucket, proven by trying it: as a client, as a stranger, and as ourselves."""
