"""A run against one target: the client, the spending limit, and the order of the checks."""
