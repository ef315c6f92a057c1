"""More partitions: the topics are copied in order into new ones with another count, and the results are renumbered."""
