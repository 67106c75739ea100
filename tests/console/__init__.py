"""A package, so that its browser ends with its tests: pytest knows no other end than that."""
