"""What `capacity.py` is made of: servers, probes, the journey step by step, and the projection from what they found."""
