"""The embedding and judging models: the only place that knows torch and transformers."""
