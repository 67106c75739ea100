"""The cost of a task that fails with a surcharge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from mockserver.contract import Lifecycle, ModelCard
from mockserver.domain.task import Task, surcharge_day
from mockserver.engine.sandbox import Sandbox


def with_surcharge(
    sandbox: Sandbox, task: Task, card: ModelCard, lifecycle: Lifecycle, was: Task | None = None
) -> Task:
    """Return *task* with the surcharge of its plan, if its card has one for such a failure.

    The rate is decided here once and for all: by the UTC day on which the plan ends, on the
    sandbox's clock, and by the number of tasks that are planned to fail like this on that day,
    including this one. *was* is the record that this one replaces.
    """
    # Failed tasks are not charged, with one exception: seedance's pages say that a task that
    # moderation stops while it runs is refunded less a share, which grows with the number of such
    # violations that day; the count starts again at midnight UTC.
    rates, plan = card.surcharge, task.plan
    if rates is None or plan.final != lifecycle.failure or plan.failure_reason != rates.reason:
        return task
    charged = replace(task, plan=replace(plan, surcharge=Decimal(1)))
    day = surcharge_day(charged, lifecycle)
    if day is None:
        return task
    counted = was is not None and surcharge_day(was, lifecycle) == day
    share = rates.share(sandbox.surcharged_on(day) + (0 if counted else 1))
    return replace(task, plan=replace(plan, surcharge=share))
