"""MongoDB: the connection, indexes, raw reads, and the embedded mongod with its supervisor."""
