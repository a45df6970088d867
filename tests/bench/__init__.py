"""Measurements: `make bench`. Ratios within one run, never absolute times across machines."""
