"""The fixtures `maxapi`, `maxapi_env` and so on, with a mock in a container.

The image is built once: `docker build -t maxapi-mock .` in a checkout of the mock.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from mockserver.testing import RunningMock

TOKEN = "a-token-for-these-tests-only"


@pytest.fixture(scope="session")
def maxapi_server() -> Iterator[RunningMock]:
    """A mock in a container, which may send webhooks to this machine."""
    container = (
        DockerContainer("maxapi-mock")
        .with_exposed_ports(6290)
        .with_env("MAXAPI_MOCK_CONTROL_TOKEN", TOKEN)
        .with_env("MAXAPI_MOCK_CALLBACK_ALLOW", "host.docker.internal")
        .with_kwargs(extra_hosts={"host.docker.internal": "host-gateway"})
        .waiting_for(HttpWaitStrategy(6290, "/__mock/health"))
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(6290)
        yield RunningMock(f"http://{host}:{port}", TOKEN)
