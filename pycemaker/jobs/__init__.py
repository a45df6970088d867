"""Who makes which report when: the queue in MongoDB, its workers, the processes that they start, retention."""
