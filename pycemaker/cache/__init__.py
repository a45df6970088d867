"""Cache of samples in memory, and the detection of changes; documents of whole hours in MongoDB."""
