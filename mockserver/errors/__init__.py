"""The base of the errors that end a command with a message.

A package only for its `py.typed`: a type checker would take what a module of ours exports for Any.
"""

from __future__ import annotations


class MaxapiMockError(Exception):
    """A command cannot do what it was asked for; the message says so, on one line or as a list."""

    status = 2
    """The exit status of the command."""
