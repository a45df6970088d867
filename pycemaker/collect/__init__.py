"""Sources of samples: this machine, demo data; and whether samples keep coming."""
