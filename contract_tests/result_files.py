"""Checks of the result files of a task: complete, stable, and different from each other."""

from __future__ import annotations

from mockserver.conformance.check import Observations, Passed, promised, task_check
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.result_file import fault_in
from mockserver.contract import Contract

from .lifecycle import failed, model_of


@task_check("file-whole", "A result file is complete", "file_is_whole")
def file_whole(_contract: Contract, history: History) -> Observations:
    """Decode each file, as far as its type is known here."""
    for file in _fetched(history):
        fault = fault_in(file.response_body)
        if fault:
            yield failed("file_is_whole", "a whole file", fault, file, model_of(history))
            return
        yield Passed(promised("file_is_whole"))


@task_check("file-same", "A result file never changes", "file_is_same")
def file_same(_contract: Contract, history: History) -> Observations:
    """Compare what a URL returned with what it returned first."""
    first: dict[str, Exchange] = {}
    for file in _fetched(history):
        before = first.setdefault(file.url, file)
        if before is file:
            continue
        if before.response_body == file.response_body:
            yield Passed(promised("file_is_same"))
        else:
            observed = (
                f"{len(before.response_body)} bytes, then {len(file.response_body)} different ones"
            )
            yield failed("file_is_same", "the same bytes", observed, file, model_of(history))
            return


@task_check("files-differ", "Several results of a task are different pictures", "results_differ")
def files_differ(_contract: Contract, history: History) -> Observations:
    """Compare the files of different URLs."""
    files = {file.url: file for file in _fetched(history)}
    seen: dict[bytes, str] = {}
    for url, file in files.items():
        twin = seen.setdefault(file.response_body, url)
        if twin != url:
            observed = f"the same {len(file.response_body)} bytes as another result of the task"
            yield failed("results_differ", "another picture", observed, file, model_of(history))
            return
    if len(files) > 1:
        yield Passed(promised("results_differ"))


def _fetched(history: History) -> list[Exchange]:
    """List the files that were fetched; another check covers those that could not be."""
    return [file for file in history.files if file.status == 200 and file.response_body]
