"""A real Apache Kafka and a real PostgreSQL on this machine, from packages: no container engine, nothing installed."""
