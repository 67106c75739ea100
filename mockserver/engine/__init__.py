"""The mock without any web framework: sandboxes, clock, webhooks, journal, responses."""
