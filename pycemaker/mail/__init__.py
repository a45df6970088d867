"""How a message leaves, and to whom it may: composing, SMTP, the outbox, suppressions, unsubscribe links."""
