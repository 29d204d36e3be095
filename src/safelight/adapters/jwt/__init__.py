"""JWTs of the application's own users."""
