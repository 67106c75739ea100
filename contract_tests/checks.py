"""Every check of the contract, in the order in which they run and are reported."""

from __future__ import annotations

from mockserver.conformance.check import AnyCheck

from . import (
    acceptance,
    exchanges,
    headers,
    later_reads,
    lifecycle,
    near_misses,
    rejection,
    result_files,
    results,
    side_effects,
    sizes,
    state_machine,
    tasks,
    timestamps,
    webhook_delivery,
    webhooks,
)

PASSIVE: tuple[AnyCheck, ...] = (
    lifecycle.same_task,
    lifecycle.is_found,
    lifecycle.never_back,
    lifecycle.starts_pending,
    lifecycle.ends,
    lifecycle.final,
    lifecycle.timestamps,
    lifecycle.reason,
    lifecycle.echo,
    lifecycle.cancel_is_kept,
    result_files.file_whole,
    result_files.file_same,
    result_files.files_differ,
    results.results,
    results.files,
    results.pixels,
    exchanges.responses,
    exchanges.status_is_code,
    exchanges.submit_response,
    exchanges.poll_response,
    exchanges.cancel_response,
    exchanges.error_response,
    exchanges.moderation_response,
    exchanges.no_unknown_field,
    webhooks.webhook_conforms,
    webhooks.webhook_comes,
    webhooks.webhook_after_end,
    webhooks.webhook_equals_poll,
    headers.headers_true,
    timestamps.calendar,
    timestamps.updated_still,
)
"""Send nothing: they look at exchanges and task histories, whatever caused them."""

ACTIVE: tuple[AnyCheck, ...] = (
    # rejections first: they cost nothing
    rejection.token_missing,
    rejection.token_malformed,
    rejection.token_wrong,
    rejection.smallest_input,
    rejection.token_everywhere,
    rejection.token_first,
    rejection.unknown_task,
    rejection.unknown_route,
    rejection.wrong_method,
    rejection.foreign_task,
    rejection.body_is_json,
    rejection.body_is_limited,
    rejection.envelope_is_checked,
    rejection.input_is_checked,
    rejection.no_local_callback,
    near_misses.near_misses,
    near_misses.token_near,
    near_misses.token_elsewhere,
    # then the checks that cover the most for their price
    tasks.lifecycle,
    tasks.cancel_pending,
    tasks.cancel_later,
    tasks.cancel_ended,
    webhook_delivery.webhook_url,
    webhook_delivery.webhook_again,
    side_effects.rejected_cancels,
    side_effects.odd_requests,
    side_effects.rejected_submissions,
    sizes.sizes,
    sizes.any_input,
    acceptance.every_value,
    acceptance.envelope_is_accepted,
    acceptance.texts,
    acceptance.unique_ids,
    state_machine.any_order,
    timestamps.clock,
    # last, the checks that look back at everything
    later_reads.repeated_polls,
    later_reads.later_polls,
)
"""Send requests of their own, those that cost nothing first, else in this order."""

CHECKS = PASSIVE + ACTIVE
