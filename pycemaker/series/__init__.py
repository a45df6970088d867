"""Runs of samples: batches, downsampling, their cadence, a period of them, hour summaries. Pure."""
