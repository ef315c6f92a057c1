"""Fills an empty database after the former one was lost whole: from the input topics, and from what went out."""
