"""Photos on disk and in the index; knows no model and no Qt."""
