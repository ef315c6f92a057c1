"""Alerts as code: the configuration of Prometheus and Alertmanager, made from the registry (docs/alerting.md)."""
