"""Numbers for Prometheus, and whether the monitor is well."""
