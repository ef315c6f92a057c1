"""Serves indicators, QOS levels, the quality map and the live stream."""
