"""Folds events into cases, day buckets, levels and announcements, exactly once in effect."""
