"""Tables into events: a mapping file says what the columns of a CSV file mean (docs/import.md)."""
