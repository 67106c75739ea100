"""Redirects clients with fixed hosts to the mock, and keeps them from the real API."""
