"""Sources of samples: Prometheus, exporters, this machine, demo data; and whether samples keep coming."""
