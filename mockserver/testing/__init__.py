"""For tests of apps that use the API: mocks with and without sockets, and what steers them."""

from mockserver.testing.control import ControlClient, ControlError, Moved
from mockserver.testing.inbox import Inbox, InboxServer
from mockserver.testing.intercept import Intercepted, intercept
from mockserver.testing.mocks import InProcessMock, RunningMock, running_mock
from mockserver.testing.names import RequestMatch, SandboxSettings, ScenarioName, ScenarioText
from mockserver.testing.sandbox import MaxapiSandbox, SandboxClock
from mockserver.testing.webhook import OnWebhook, Webhook

__all__ = [
    "ControlClient",
    "ControlError",
    "InProcessMock",
    "Inbox",
    "InboxServer",
    "Intercepted",
    "MaxapiSandbox",
    "Moved",
    "OnWebhook",
    "RequestMatch",
    "RunningMock",
    "SandboxClock",
    "SandboxSettings",
    "ScenarioName",
    "ScenarioText",
    "Webhook",
    "intercept",
    "running_mock",
]
