"""What operators do with results as a whole: verify them, and build them anew from the log."""
