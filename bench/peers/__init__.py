"""Other ways to read the same log, each a program of its own that prints one JSON object a line."""
