"""Plumbing that every service shares: settings, logging, topics, Kafka, PostgreSQL, health, errors."""
