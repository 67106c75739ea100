"""What tests of an app import: mocks, sandboxes, webhook receivers, and their types.

`__all__` is the public API of this package; everything else in it may change at any time.
"""

from mockserver.errors import MaxapiMockError
from mockserver.testing.control import ControlClient, Moved
from mockserver.testing.control_http import ControlError
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
    "MaxapiMockError",
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
