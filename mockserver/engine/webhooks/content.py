"""What a webhook contains: what a poll would show, with the faults that a scenario asks for."""

from __future__ import annotations

from datetime import datetime

from mockserver.contract import Contract, dump_json
from mockserver.domain.document import webhook_document
from mockserver.domain.scenario import Script
from mockserver.domain.script import WebhookFault
from mockserver.domain.task import Task
from mockserver.engine.messages import success
from mockserver.engine.webhooks.attempt import WebhookRequest
from mockserver.engine.webhooks.signature import proof
from mockserver.settings import Settings


class Content:
    """Makes the webhooks of a contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.media_type: str = contract.fact("webhook.content_type")

    def webhook(
        self, task: Task, script: Script, settings: Settings, at: datetime, ends: datetime
    ) -> WebhookRequest:
        """Return the webhook of a task that *ends*, sent *at* a moment that may be earlier."""
        lifecycle, faults = self._contract.lifecycle, script.webhook
        document = webhook_document(task, max(at, ends), lifecycle, settings.answers)
        if WebhookFault.CONFLICTING in faults:
            document |= {"status": lifecycle.failure, "result": None}
        body = dump_json(success(self._contract, document))
        if WebhookFault.TRUNCATED in faults:
            body = body[: len(body) // 2]
        proven: tuple[tuple[str, str], ...] = ()
        if WebhookFault.UNSIGNED not in faults:
            proven = proof(settings, task.id, at, forged=WebhookFault.FORGED in faults)
        redirected = WebhookFault.REDIRECTED in faults  # clients turn a redirected POST into a GET
        return WebhookRequest(
            task.callback_url or "",
            b"" if redirected else body,
            self.media_type,
            settings.webhook_timeout.total_seconds(),
            "GET" if redirected else "POST",
            proven,
        )
