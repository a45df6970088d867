"""Health and forecasts of stored samples, kept for as long as they are current."""
