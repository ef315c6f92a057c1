"""Benchmarks, and the peers they run against: `python -m bench --help`."""
