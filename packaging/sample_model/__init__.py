"""The sample model: a small world drawn by our own code, and a tiny model trained on it."""
