"""Icons, style sheets and sample data; data only."""
