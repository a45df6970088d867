"""Mail: composing, SMTP, the outbox, suppressions, unsubscribe links."""
