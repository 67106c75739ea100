"""The API's operations: submit, query, cancel, and the result files behind the URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from sys import intern
from typing import Any

from mockserver.contract import Contract, ModelCard, Violation, dump_json
from mockserver.domain.plan import make_plan
from mockserver.domain.price import cost_of, count_of, is_priced
from mockserver.domain.script import WebhookFault
from mockserver.domain.task import Plan, Task, ended, polled, shared_input, status_at
from mockserver.engine.file_transfer import in_part, reject_file
from mockserver.engine.input_images import LocalImages, OwnResults, first_image, follows_input
from mockserver.engine.messages import (
    JSON_TYPE,
    ApiError,
    Request,
    Response,
    json_response,
    success,
    warn,
)
from mockserver.engine.own_files import OwnFiles
from mockserver.engine.pending_request import PendingRequest
from mockserver.engine.poll_responses import PollResponses
from mockserver.engine.replayed import Replayed, named
from mockserver.engine.result_files import Results
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.sandboxes import Sandboxes
from mockserver.engine.scenario_resolution import apply_result_faults
from mockserver.engine.surcharge import with_surcharge
from mockserver.engine.unknown_fields import remarks, unknown_fields
from mockserver.engine.webhooks.dispatcher import Dispatcher
from mockserver.network.receiver import is_this_machine
from mockserver.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?")

_SOME_ID = b"<taskId>"


class Operations:
    """The handlers of the API's routes; each raises ApiError for what it rejects."""

    def __init__(
        self, contract: Contract, settings: Settings, dispatcher: Dispatcher, sandboxes: Sandboxes
    ) -> None:
        self._api_host = contract.fact("base_url").partition("://")[2]
        self.base = f"http://{settings.host}:{settings.port}"
        """Base of result URLs if a request has no usable `Host`."""
        self._contract = contract
        self._settings = settings
        self._dispatcher = dispatcher
        self._sandboxes = sandboxes
        self._own = OwnResults(contract.service["results"], self._size_of_result)
        look = LocalImages().shape if settings.read_input_images else None
        self.replayed = Replayed(settings.replay, contract)
        self.own_files = OwnFiles(settings.result_files) if settings.result_files else None
        self.results = Results(
            settings.image_cache, settings.default_ratio, look, self.replayed.file, self.own_files
        )
        self._polls = PollResponses(contract)
        self._accepted = dump_json(success(contract, {"taskId": _SOME_ID.decode()}))
        """The body of the response to a submission, with _SOME_ID for the id of its task."""
        entered_at = tuple(contract.fact("lifecycle.entered_at"))
        plan = partial(make_plan, lifecycle=contract.lifecycle, entered_at=entered_at)
        self._make_plan = lru_cache(maxsize=1024)(plan)
        """Tasks with equal plans share one."""

    # -- submit ------------------------------------------------------------------------------

    def submit(self, pending: PendingRequest) -> Response:
        """Store a new task and return its id."""
        document = pending.document
        recording = self.replayed.choose(pending, self._recorded_url)
        problems = self.problems(pending.sandbox, document)
        if problems:
            raise ApiError(400, " | ".join(map(str, problems)))
        if pending.script.flagged:  # after the validation, as moderation reads a valid prompt
            raise self._rejection(pending.script.flagged)
        task = pending.sandbox.submit(lambda: self._new_task(pending, document, recording))
        pending.task_id = task.id
        pending.remarks = remarks(document, self._contract)
        body = self._accepted.replace(_SOME_ID, task.id.encode())
        headers = named(task.recording) | warn(pending.remarks)
        response = Response(200, (JSON_TYPE, *headers.items()), body)
        if task.callback_url is None:
            return response
        return self._with_webhook(pending.sandbox, task, response)

    def _with_webhook(self, sandbox: Sandbox, task: Task, response: Response) -> Response:
        """Plan the webhook of a new task, or let it be sent before the response."""
        if WebhookFault.EARLY not in task.script.webhook:
            self._dispatcher.plan(sandbox, task)
            return response
        delivery = self._dispatcher.first_delivery(sandbox, task)
        if delivery is None:
            return response
        return replace(response, first=lambda: self._dispatcher.send_now(delivery))

    def problems(self, sandbox: Sandbox, document: Any) -> list[str | Violation]:
        """List everything for which *sandbox* rejects a submission."""
        found = self._violations(sandbox, document)
        if not found and sandbox.settings.unknown_fields == "refuse":
            found += unknown_fields(document, self._contract)
        return found

    def _violations(self, sandbox: Sandbox, document: Any) -> list[str | Violation]:
        found: list[str | Violation] = [*self._contract.violations("submit-request", document)]
        url = document.get("callBackUrl") if isinstance(document, dict) else None
        if not isinstance(url, str):
            return found
        # The live service does not support localhost; apps under test need it, so it is a setting.
        if sandbox.settings.strict_callbacks and is_this_machine(url):
            found.append("callBackUrl: the service cannot reach this machine; use a public host")
        return found

    def _rejection(self, flagged: tuple[str, ...]) -> ApiError:
        fields = self._contract.document("moderation-error")["properties"]
        categories = {name: name in flagged for name in self._contract.moderation_categories}
        data = {"flagged": True, "categories": categories}
        return ApiError(fields["code"]["const"], fields["msg"]["const"], data=data)

    def _recorded_url(self, url: str) -> str | None:
        """Return what was recorded for a URL of a replayed result, which an app passes on."""
        found = self._own.named_by(url)
        sandbox = None if found is None else self._sandboxes.of_id(found["sandbox"])
        task = None if found is None or sandbox is None else sandbox.get(found["taskId"])
        if found is None or task is None:
            return None
        return self.replayed.url_of(task, int(found["index"]))

    def _new_task(
        self, pending: PendingRequest, document: Mapping[str, Any], recording: str | None
    ) -> Task:
        card, submitted = self._contract.cards[document["model"]], document["input"]
        task_id, callback_url = pending.sandbox.new_id(), document.get("callBackUrl")
        cost = cost_of(card, submitted, self._settings.unknown_price)
        count, balance = count_of(card, submitted), pending.sandbox.balance
        task = Task(
            id=task_id,
            model=card.model,
            input=shared_input(submitted),
            callback_url=None if callback_url is None else intern(callback_url),
            user_id=document.get("user_id"),
            created_at=pending.now,
            plan=self._plan(pending, card, payable=balance is None or cost <= balance),
            cost=cost,
            result_type=card.result,
            base=self._settings.public_url or self.own_base(pending.request),
            file_path=_path_in(
                pending.sandbox.id, self._contract.service["results"][card.result]["path"]
            ),
            count=min(count, pending.script.fewer_results or count),
            script=pending.script,
            priced=is_priced(card, self._settings.unknown_price),
            source_size=self._source_size(card, submitted),
        )
        task = self.replayed.applied(pending, task, recording)
        return with_surcharge(pending.sandbox, task, card, self._contract.lifecycle)

    def _source_size(self, card: ModelCard, submitted: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return the size of the first input image if it decides the ratio and is one of ours."""
        url = first_image(submitted) if follows_input(card, submitted) else None
        return None if url is None else self._own.shape(url)

    def _size_of_result(self, sandbox_id: str, task_id: str) -> tuple[int, int] | None:
        sandbox = self._sandboxes.of_id(sandbox_id)
        task = None if sandbox is None else sandbox.get(task_id)
        if task is None:
            return None
        card = self._contract.cards[task.model]
        if self.results.has_to_look(task, card):  # too slow for a submission
            return None
        size = self.results.size(task, card)
        return size.width, size.height

    def _plan(self, pending: PendingRequest, card: ModelCard, *, payable: bool) -> Plan:
        lifecycle, reasons = self._contract.lifecycle, self._contract.reasons
        script, settings = pending.script, pending.sandbox.settings
        pace = settings.pace if script.duration is None else "realtime"
        given = settings.duration if script.duration is None else script.duration
        duration = card.typical_duration if given is None else given
        end: str | None = getattr(lifecycle, script.end or "success")
        reason = None if script.reason is None else reasons[script.reason]
        # There is no status for a lack of money at submission: the pages name it only as the
        # `failure_reason` of a task, so the task is accepted and fails.
        if not payable:
            end, reason = lifecycle.failure, reasons["points"]
        return self._make_plan(pace, duration, None if script.stuck else end, reason)

    def own_base(self, request: Request) -> str:
        """Return this server's URL as the client wrote it, so that the client can reach it."""
        host = request.headers.get("host", "")
        if host.lower().removesuffix(":443") == self._api_host:
            return str(self._contract.fact("cdn_url"))  # the mock replaces that host, too
        return _url_of(request.scheme, host) or self.base

    # -- query, cancel, result ---------------------------------------------------------------

    def query(self, pending: PendingRequest, place: Mapping[str, str]) -> Response:
        """Return a task."""
        task, moment = self._find(pending, place), pending.now
        if pending.request.method == "GET":
            task = self._after_poll(pending, task)
            self._inject_fault(pending, task)
        if task.script.stale_poll is not None:
            moment = max(task.created_at, moment - task.script.stale_poll)
        shown = self._polls.shown(task, moment, pending.sandbox.settings.answers)
        if pending.request.method == "GET":
            pending.shown = shown
        return shown.response

    def _find(self, pending: PendingRequest, place: Mapping[str, str]) -> Task:
        task_id = place["taskId"]
        task = pending.sandbox.get(task_id) or self.replayed.adopt(
            pending, task_id, partial(self._new_task, pending)
        )
        if task is None:
            raise _unknown(task_id)
        pending.task_id = task.id
        return task

    def _after_poll(self, pending: PendingRequest, task: Task) -> Task:
        if polled(task, pending.now) is task:
            return task
        task = pending.sandbox.update(task.id, lambda record: polled(record, pending.now))
        self._dispatcher.plan(pending.sandbox, task)
        return task

    @staticmethod
    def _inject_fault(pending: PendingRequest, task: Task) -> None:
        """Reject a poll as often as the scenarios of its task ask for."""
        script = task.script
        if not script.unknown_at_first and script.flaky_poll is None:
            return
        number = pending.sandbox.count(task.id)
        if number <= script.unknown_at_first:
            raise _unknown(task.id)
        if script.flaky_poll is not None and number % script.flaky_poll == 0:
            raise ApiError(500)

    def cancel(self, pending: PendingRequest, place: Mapping[str, str]) -> Response:
        """End a task that is in a state from which it can be cancelled.

        Two published versions of the page disagree: only from PENDING, or from any state that is
        not terminal. So the states are a setting, and the stricter version is its default.
        """
        task, cancellable = self._find(pending, place), pending.sandbox.settings.cancellable

        def change(record: Task) -> Task:
            status = status_at(record, pending.now)
            if status not in cancellable:
                states = ", ".join(sorted(cancellable))
                raise ApiError(
                    400, f"task {task.id} is {status} and cannot be cancelled; only {states} can"
                )
            if record.script.cancel_too_late:
                return record
            return ended(record, pending.now, self._contract.lifecycle.cancelled)

        changed = pending.sandbox.update(task.id, change)
        if not changed.script.cancel_too_late:  # otherwise its webhook is planned already
            self._dispatcher.plan(pending.sandbox, changed)
        return json_response(200, success(self._contract))

    def result(self, pending: PendingRequest, place: Mapping[str, str]) -> Response:
        """Return a result file; *pending* is in the sandbox that the URL names."""
        task, index = self._find(pending, place), int(place["index"])
        reject_file(pending, task, self._contract.lifecycle)
        file = self.results.content(task, self._contract.cards[task.model], index)
        promised = self._contract.service["results"][task.result_type]["media_type"]
        response = Response(200, (("Content-Type", file.media_type or promised),), file.body)
        if task.script.result != "html":
            response = in_part(response, pending.request)
        return apply_result_faults(response, task.script)


@lru_cache(maxsize=256)
def _url_of(scheme: str, host: str) -> str | None:
    """Return a server's URL; None if *host* is not one. Tasks share what equal hosts give."""
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else None


@lru_cache(maxsize=4096)
def _path_in(sandbox_id: str, path: str) -> str:
    """Return the path of result files in a sandbox; its tasks share it."""
    return path.replace("{sandbox}", sandbox_id)


def _unknown(task_id: str) -> ApiError:
    return ApiError(404, f"task {task_id[:60]!r} not found")
