"""The meaning of the numbers: summaries, data quality, trends, capacity, health, forecasts, findings. Pure."""
