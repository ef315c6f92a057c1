"""Compares the live tables with a fresh fold, in one snapshot, while workers go on."""
