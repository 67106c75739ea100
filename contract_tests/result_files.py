"""The laws that hold for the result files of a task: whole, the same again, and not all alike."""

from __future__ import annotations

from mockserver.contract import Contract

from mockserver.conformance.model import Exchange, History
from mockserver.conformance.result_file import fault_in
from .lifecycle import broken, model_of
from mockserver.conformance.check import HISTORY, Checks, Held, law, promised


@law("file-whole", "A result file can be shown to its end", HISTORY, "file_is_whole")
def file_whole(_contract: Contract, history: History) -> Checks:
    """Decode it, as far as its kind is known."""
    for file in _there(history):
        fault = fault_in(file.answer)
        if fault:
            yield broken("file_is_whole", "a whole file", fault, file, model_of(history))
            return
        yield Held(promised("file_is_whole"))


@law("file-same", "A result file is the same whenever it is looked at", HISTORY, "file_is_same")
def file_same(_contract: Contract, history: History) -> Checks:
    """Compare what one URL gave, each time with the first."""
    first: dict[str, Exchange] = {}
    for file in _there(history):
        before = first.setdefault(file.url, file)
        if before is file:
            continue
        if before.answer == file.answer:
            yield Held(promised("file_is_same"))
        else:
            observed = f"{len(before.answer)} bytes, and then {len(file.answer)} others"
            yield broken("file_is_same", "the same bytes", observed, file, model_of(history))
            return


@law("files-differ", "Several results of a task are several pictures", HISTORY, "results_differ")
def files_differ(_contract: Contract, history: History) -> Checks:
    """Compare the files of different URLs."""
    files = {file.url: file for file in _there(history)}
    seen: dict[bytes, str] = {}
    for url, file in files.items():
        twin = seen.setdefault(file.answer, url)
        if twin != url:
            observed = f"the same {len(file.answer)} bytes as another result of the task"
            yield broken("results_differ", "another picture", observed, file, model_of(history))
            return
    if len(files) > 1:
        yield Held(promised("results_differ"))


def _there(history: History) -> list[Exchange]:
    """List the files that were answered; what was not is for another law to say."""
    return [file for file in history.files if file.status == 200 and file.answer]
