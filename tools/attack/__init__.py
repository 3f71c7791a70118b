"""The corpus of hostile requests against Arlen and the servers that people trust."""
