"""Webhooks: what is sent when, to whom, by which worker, and what came of it."""
