"""Findings: what is worth a reader's attention in a period. `choice` picks three at most. Pure and deterministic."""
