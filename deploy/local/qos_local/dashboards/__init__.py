"""Grafana's dashboards as code: `qos dashboards` writes them, in Japanese and English, from one source."""
