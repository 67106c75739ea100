"""The yardsticks: other servers that respond to the same requests."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from example import SUBMIT, TASK, contract, document
from load import HOST
from processes import connected, free_port, running
from table import BenchError

from mockserver.contract.openapi import openapi_document
from mockserver.version import __version__

WITHOUT_WIREMOCK = (
    "  without WireMock, which needs minutes, Java, and WIREMOCK_JAR=path or its npm package:\n"
    "  npm install --prefix .venv wiremock"
)
_PACKAGE = "node_modules/wiremock/build/wiremock-standalone-*.jar"
_TEMPLATE = {"transformers": ["response-template"], "headers": {"Content-Type": "application/json"}}
_BEARER = {"Authorization": {"matches": "Bearer .+"}}


def wiremock_jar() -> Path | None:
    """Find WireMock; return None if it or Java is not there. Raises BenchError."""
    if shutil.which("java") is None:
        return None
    if named := os.environ.get("WIREMOCK_JAR"):
        if not Path(named).is_file():
            raise BenchError(f"WIREMOCK_JAR={named}: there is no such file")
        return Path(named).absolute()
    found = sorted((Path(__file__).parents[1] / ".venv").glob(_PACKAGE))
    return found[-1] if found else None


@contextmanager
def wiremock(jar: Path, task: dict[str, Any], *options: str) -> Iterator[tuple[int, int]]:
    """Run WireMock until the block ends; yield its port and process id.

    It validates submissions by the contract's schema of the example's model, and returns random
    task ids, and *task* to every poll.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        mappings = Path(name, "mappings")
        mappings.mkdir()
        for number, mapping in enumerate((_submit_mapping(), _poll_mapping(task))):
            (mappings / f"{number}.json").write_text(json.dumps(mapping))
        own = ("--port", str(port), "--bind-address", HOST, "--root-dir", name)
        with running(["java", "-jar", jar, *own, *options]) as pid:
            with connected(port):
                pass
            yield port, pid


def _submit_mapping() -> dict[str, Any]:
    schemas = openapi_document(contract(), version=__version__)["components"]["schemas"]
    model = document()["model"]
    branch = schemas["SubmitRequest"]["discriminator"]["mapping"][model]
    card = schemas[branch.rpartition("/")[2]]["properties"]["input"]["$ref"]
    used = {name: schemas[name] for name in (one.rpartition("/")[2] for one in (branch, card))}
    schema = {"$ref": branch, "components": {"schemas": used}}
    matched = {"matchesJsonSchema": schema, "schemaVersion": "V202012"}
    response = {"code": 0, "msg": "ok", "data": {"taskId": "{{randomValue type='UUID'}}"}}
    return {
        "request": {
            "method": "POST",
            "urlPath": SUBMIT,
            "headers": _BEARER | {"Content-Type": {"contains": "application/json"}},
            "bodyPatterns": [matched],
        },
        "response": _TEMPLATE | {"status": 200, "body": json.dumps(response)},
    }


def _poll_mapping(task: dict[str, Any]) -> dict[str, Any]:
    response = {"code": 0, "msg": "ok", "data": task | {"taskId": "{{request.path.[3]}}"}}
    return {
        "request": {"method": "GET", "urlPathPattern": f"{TASK}[^/]+", "headers": _BEARER},
        "response": _TEMPLATE | {"status": 200, "body": json.dumps(response)},
    }


def flask_server(pipe: Connection[Any, Any]) -> None:
    """Serve the mock's application on Flask's development server; send port and process id."""
    from werkzeug.serving import make_server

    from mockserver.engine.service import Service
    from mockserver.settings import make_settings
    from mockserver.web.app import create_app

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = create_app(Service(contract(), make_settings(contract())))
    server = make_server(HOST, 0, application, threaded=True)
    pipe.send((server.port, os.getpid()))
    server.serve_forever()
