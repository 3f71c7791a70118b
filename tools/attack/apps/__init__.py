"""The applications of the servers: each reads the whole body, and answers 200 to everything."""
