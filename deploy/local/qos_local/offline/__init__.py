"""Recomputes every figure from exported events, without Kafka and PostgreSQL: what anyone can check a figure with."""
