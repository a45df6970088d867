"""What is known of each report: a document in MongoDB, and what was made of it in GridFS. Every server shares it."""
