"""The base of the errors that end a command with one line."""

from __future__ import annotations


class MaxapiMockError(Exception):
    """A command cannot do what it was asked for; the message is for people, and on one line."""

    status = 2
    """What the command ends with."""
