"""The real parts that tests run against, each on a loopback port that the system chose, each a context manager."""
