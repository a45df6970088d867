"""The meaning of the numbers: summaries, data quality, trends, capacity, findings. Pure."""
