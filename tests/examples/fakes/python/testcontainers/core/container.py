"""What the recipe uses of Testcontainers; a process takes the place of the container."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Self

from testcontainers.core.wait_strategies import HttpWaitStrategy


class DockerContainer:
    """Runs the command of the image `maxapi-mock` on a free port."""

    def __init__(self, image: str) -> None:
        assert image == "maxapi-mock"
        self._variables: dict[str, str] = {}
        self._port = 0

    def with_exposed_ports(self, *ports: int) -> Self:
        """Expose the image's port."""
        assert ports == (6290,)
        return self

    def with_env(self, key: str, value: str) -> Self:
        """Set a variable."""
        self._variables[key] = value
        return self

    def with_kwargs(self, **kwargs: Any) -> Self:
        """Pass arguments on to Docker."""
        assert kwargs == {"extra_hosts": {"host.docker.internal": "host-gateway"}}
        return self

    def waiting_for(self, strategy: HttpWaitStrategy) -> Self:
        """Wait for a path that the mock serves."""
        assert (strategy.port, strategy.path) == (6290, "/__mock/health")
        return self

    def __enter__(self) -> Self:
        command = ["maxapi-mock", "serve", "--host", "0.0.0.0", "--port", "0"]
        variables = os.environ | self._variables
        self._process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._port = int(self._process.stdout.readline().rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)

    def get_container_host_ip(self) -> str:
        """Return where the container is."""
        return "127.0.0.1"

    def get_exposed_port(self, port: int) -> int:
        """Return the port that leads to a port of the container."""
        assert port == 6290
        return self._port
