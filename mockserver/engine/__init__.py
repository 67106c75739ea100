"""The mock without any web framework: sandboxes, clock, webhooks, journal, and the API's answers."""
