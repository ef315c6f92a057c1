"""Puts back into the log what the results still tell of it, when the tail of a topic partition is lost."""
