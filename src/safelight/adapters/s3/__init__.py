"""Objects in a bucket, at whoever speaks S3."""
