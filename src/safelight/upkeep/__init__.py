"""Off the main road, in the same shape: what keeps records and bytes in step."""
