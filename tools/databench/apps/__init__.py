"""Applications that answer from PostgreSQL: bare loops with the drivers people use, and Arlen."""
