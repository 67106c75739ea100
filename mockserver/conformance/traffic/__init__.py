"""Checks the traffic of an app as it passes through the proxy."""
