"""What the numbers mean: summaries, trends, capacity, findings. Pure."""
