"""Jobs: the queue of reports in MongoDB, its workers, their processes, retention."""
