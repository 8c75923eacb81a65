"""Photo and product search by words, by picture, or by both, on a person's own computer."""

__version__ = "0.1.0"
