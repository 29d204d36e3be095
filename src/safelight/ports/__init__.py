"""What the journey needs of the world: one Protocol per module. A docstring here is a contract."""
