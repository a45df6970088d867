"""Every notebook on the intervals that break notebooks, before one of them is real: `python -m pycemaker check`."""
