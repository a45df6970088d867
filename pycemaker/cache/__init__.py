"""Samples in memory, and whether they are still true; hour summaries kept in MongoDB."""
