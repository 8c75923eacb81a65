"""From a query to ranked hits; is given its models and stores as arguments."""
