"""Records on SQLAlchemy Core."""
