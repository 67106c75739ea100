"""Redirects clients with hard-coded hosts to the mock, and keeps them off the real API."""
