"""The laws that hold for the result files of a task: whole, the same again, and not all alike."""

from __future__ import annotations

from mockserver.conformance.check import Observations, Passed, promised, task_check
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.result_file import fault_in
from mockserver.contract import Contract

from .lifecycle import failed, model_of


@task_check("file-whole", "A result file can be shown to its end", "file_is_whole")
def file_whole(_contract: Contract, history: History) -> Observations:
    """Decode it, as far as its kind is known."""
    for file in _there(history):
        fault = fault_in(file.response_body)
        if fault:
            yield failed("file_is_whole", "a whole file", fault, file, model_of(history))
            return
        yield Passed(promised("file_is_whole"))


@task_check("file-same", "A result file is the same whenever it is looked at", "file_is_same")
def file_same(_contract: Contract, history: History) -> Observations:
    """Compare what one URL gave, each time with the first."""
    first: dict[str, Exchange] = {}
    for file in _there(history):
        before = first.setdefault(file.url, file)
        if before is file:
            continue
        if before.response_body == file.response_body:
            yield Passed(promised("file_is_same"))
        else:
            observed = (
                f"{len(before.response_body)} bytes, and then {len(file.response_body)} others"
            )
            yield failed("file_is_same", "the same bytes", observed, file, model_of(history))
            return


@task_check("files-differ", "Several results of a task are several pictures", "results_differ")
def files_differ(_contract: Contract, history: History) -> Observations:
    """Compare the files of different URLs."""
    files = {file.url: file for file in _there(history)}
    seen: dict[bytes, str] = {}
    for url, file in files.items():
        twin = seen.setdefault(file.response_body, url)
        if twin != url:
            observed = f"the same {len(file.response_body)} bytes as another result of the task"
            yield failed("results_differ", "another picture", observed, file, model_of(history))
            return
    if len(files) > 1:
        yield Passed(promised("results_differ"))


def _there(history: History) -> list[Exchange]:
    """List the files that were answered; what was not is for another law to say."""
    return [file for file in history.files if file.status == 200 and file.response_body]
