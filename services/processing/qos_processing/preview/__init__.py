"""What another calendar or other criteria would change, told before it is done. Reads one snapshot, writes nothing."""
