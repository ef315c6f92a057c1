"""Monthly publications: a snapshot of all figures, written once, and told on the topic `publications`."""
