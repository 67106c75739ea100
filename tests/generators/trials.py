"""What is tried: generators of clients, and other tools that read the document."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.generators import programs
from tests.generators.steps import (
    Step,
    cargo,
    dotnet,
    fuzzed,
    generated,
    go_compiles,
    go_talks,
    java_compiles,
    java_talks,
    made,
    python,
    through,
    typescript,
)


@dataclass(frozen=True)
class Trial:
    """A tool, and what is tried with it in a folder of its own."""

    tool: str
    language: str
    package: str
    """Where its version is found."""
    line: str
    """How to call it, as the documentation shows it."""
    generates: Step
    compiles: Step | None = None
    talks: Step | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "-".join(re.findall("[a-z#]+", f"{self.tool} {self.language}".lower()))


_GENERATOR = "openapi-generator"
_CALL = "openapi-generator-cli generate -i openapi.json -o client -g"


def _of_generator(
    language: str,
    generator: str,
    steps: tuple[Step | None, Step | None],
    *options: str,
    note: str = "",
) -> Trial:
    compiles, talks = steps
    line = " ".join((_CALL, generator, *options))
    return Trial(
        _GENERATOR,
        language,
        "openapi-generator-cli",
        line,
        generated(generator, *options),
        compiles,
        talks,
        note,
    )


TRIALS = (
    _of_generator("Python", "python", python(programs.PYTHON, "client")),
    _of_generator("TypeScript, fetch", "typescript-fetch", typescript(programs.FETCH)),
    _of_generator("TypeScript, axios", "typescript-axios", typescript(programs.AXIOS)),
    _of_generator("Go", "go", (go_compiles, go_talks)),
    _of_generator(
        "Java",
        "java",
        (java_compiles, java_talks),
        "--library",
        "native",
        "--additional-properties",
        "openApiNullable=false,useJakartaEe=true",
    ),
    _of_generator("C#", "csharp", (dotnet, None)),
    _of_generator("Rust", "rust", (cargo, None)),
    Trial(
        "hey-api",
        "TypeScript",
        "@hey-api/openapi-ts",
        "openapi-ts -i openapi.json -o client",
        made(lambda place: place.node("openapi-ts"), "-i", "{document}", "-o", "client"),
        *typescript(programs.HEY_API),
    ),
    Trial(
        "openapi-typescript",
        "TypeScript",
        "openapi-typescript",
        "openapi-typescript openapi.json -o client/schema.d.ts --default-non-nullable=false",
        made(
            lambda place: place.node("openapi-typescript"),
            "{document}",
            "-o",
            "client/schema.d.ts",
            "--default-non-nullable=false",
        ),
        *typescript(programs.OPENAPI_FETCH),
        note="used by openapi-fetch",
    ),
    Trial(
        "openapi-python-client",
        "Python",
        "openapi-python-client",
        "openapi-python-client generate --path openapi.json",
        made(
            lambda place: place.python("openapi-python-client"),
            "generate",
            "--path",
            "{document}",
            "--output-path",
            "client",
            "--config",
            "{document}.yaml",
        ),
        *python(programs.PYTHON_CLIENT, "client"),
        note="leaves out the bodies of result files",
    ),
    Trial(
        "datamodel-code-generator",
        "Python",
        "datamodel-code-generator",
        "datamodel-codegen --input openapi.json --input-file-type openapi --output models.py"
        " --output-model-type pydantic_v2.BaseModel",
        made(
            lambda place: place.python("datamodel-codegen"),
            "--input",
            "{document}",
            "--input-file-type",
            "openapi",
            "--output",
            "models.py",
            "--output-model-type",
            "pydantic_v2.BaseModel",
        ),
        *python(programs.DATAMODEL, "."),
        note="models only",
    ),
    Trial(
        "Prism",
        "mock",
        "@stoplight/prism-cli",
        "prism mock openapi.json",
        through("mock", "{document}"),
        note="does not check rules between fields",
    ),
    Trial(
        "Prism",
        "validation proxy",
        "@stoplight/prism-cli",
        "prism proxy openapi.json http://127.0.0.1:6290 --errors",
        through("proxy", "{document}", "{mock}", "--errors"),
        note="does not check rules between fields",
    ),
    Trial(
        "Schemathesis",
        "fuzzer",
        "schemathesis",
        "st run openapi.json --url http://127.0.0.1:6290 --include-tag task",
        fuzzed,
        note="allow 400 and 404 for cancellations in `schemathesis.toml`",
    ),
)
