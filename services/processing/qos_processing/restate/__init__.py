"""Restatements: what the present data says of a published month, with the difference and its causes."""
