"""What a failed check means to the developer of an app, in plain words."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """How a failed check is explained."""

    seen: str
    """What was seen, a sentence without its end; `{observed}` and `{subject}` are the finding's."""
    advice: str
    """What the developer of an app should do about it."""


_POLL = "A poll returned {observed}"
_REJECTED = "A submission that has to be rejected ({subject}) returned {observed}"
_ACCEPTED = "A valid submission ({subject}) returned {observed}"
_PARSE = (
    "Read the response in its present form, and let the app report a response that it cannot read "
    "instead of treating it as a result."
)
_KEY = (
    "Treat 401 and 403 alike, as a key that is not accepted: stop and ask for another key instead "
    "of trying again."
)
_CHECK = (
    "Do not rely on the API to reject this: check it before submitting, because what is accepted "
    "by mistake may be charged."
)
_NOT_SENT = (
    "Requests with this are rejected now. Offer only what is still accepted, and show the message "
    "of the error to the user."
)
_STATES = "Act on the latest status that a poll shows, and do not assume which one precedes it."
_CANCEL = (
    "Do not treat the response to a cancellation as the end of the task: poll until it has ended, "
    "and expect to be charged if it ends in success."
)
_WEBHOOK = (
    "Do not rely on webhooks alone: when one arrives, or none does in time, poll the task and act "
    "on what the poll shows."
)

ADVICE = {
    "responses": Advice(
        "A request returned {observed}",
        "Check status and Content-Type before reading a response as JSON; try again later only "
        "what is safe to repeat.",
    ),
    "status-is-code": Advice(
        "A response ({subject}) has {observed}",
        "Look at both the HTTP status and the code of the body; treat a response as a success "
        "only if both say so.",
    ),
    "submit-response": Advice("An accepted submission returned {observed}", _PARSE),
    "poll-response": Advice(_POLL, _PARSE),
    "cancel-response": Advice("An accepted cancellation returned {observed}", _PARSE),
    "error-response": Advice(
        "An error response with status {subject} has {observed}",
        "Decide by the HTTP status, not by the text of the message, and show the whole body where "
        "the message is missing.",
    ),
    "moderation-response": Advice(
        "A rejection by moderation returned {observed}",
        "Recognise a rejection by its message as well as by its categories, and do not send the "
        "same content again.",
    ),
    "no-unknown-field": Advice(
        "A response has a field that no page names ({observed})",
        "Nothing to do if the app ignores unknown fields; let its parser do so.",
    ),
    "token-missing": Advice("A request without a token returned {observed}", _KEY),
    "token-malformed": Advice(
        "A request with the malformed Authorization {subject!r} returned {observed}", _KEY
    ),
    "token-wrong": Advice("A request with an unknown token returned {observed}", _KEY),
    "token-everywhere": Advice("A {subject} without a token returned {observed}", _KEY),
    "token-first": Advice("An invalid submission without a token returned {observed}", _KEY),
    "unknown-task": Advice(
        "A {subject} of a task that does not exist returned {observed}",
        "Treat a poll that keeps returning errors as a lost task, whatever the status, and stop "
        "polling.",
    ),
    "unknown-route": Advice(
        "A request to a route that does not exist returned {observed}",
        "Check the base URL and the paths that the app uses: a typo may not show as 404.",
    ),
    "wrong-method": Advice(
        "A request with a method that the route does not have returned {observed}",
        "Check the methods that the app uses: a wrong one may not show as 405.",
    ),
    "foreign-task": Advice(
        "A {subject} of another key's task returned {observed}",
        "Store the key with each taskId; if another customer's task is shown, treat taskIds and "
        "result URLs as secrets, and tell the vendor.",
    ),
    "body-is-json": Advice("A submission that is not JSON ({subject}) returned {observed}", _CHECK),
    "body-is-limited": Advice(
        "A very large submission returned {observed}",
        "Keep requests small: send URLs of pictures instead of the pictures.",
    ),
    "envelope-is-checked": Advice(_REJECTED, _CHECK),
    "input-is-checked": Advice(_REJECTED, _CHECK),
    "no-local-callback": Advice(
        "A submission with a callBackUrl on the target's own machine returned {observed}",
        "Use a callBackUrl that can be reached from the internet: no webhook will ever arrive at "
        "this one.",
    ),
    "smallest-input": Advice(
        "The smallest valid submission to {subject} returned {observed}",
        "If only this model is rejected, it may be gone or renamed: choose another one. If the "
        "message names a field, send that field.",
    ),
    "every-value": Advice(_ACCEPTED, _NOT_SENT),
    "any-input": Advice(_ACCEPTED, _NOT_SENT),
    "envelope-is-accepted": Advice(
        "A submission with the optional {subject} returned {observed}",
        "Leave the field out, or submit again without it if it is rejected.",
    ),
    "unique-ids": Advice(
        "Submissions returned the same taskId: {observed}",
        "Do not use the taskId as the only key of your own records, and do not submit twice what "
        "should be made once.",
    ),
    "same-task": Advice(
        "A poll returned another task: {observed}",
        "Compare the taskId of every response with the requested one, and discard a response that "
        "differs: it may be another customer's.",
    ),
    "is-found": Advice(
        "A poll of an accepted task did not show it: {observed}",
        "Do not give up a task at the first rejected poll: it may still run and be charged. Keep "
        "polling for a while before submitting again.",
    ),
    "never-back": Advice("The status of a task went back: {observed}", _STATES),
    "starts-pending": Advice("The first poll of a task showed {observed}", _STATES),
    "ends": Advice(
        "A task of {subject} did not end: {observed}",
        "Limit every wait. Look at what the last poll shows: an undocumented status may be a "
        "terminal state under a new name.",
    ),
    "final": Advice(
        "A task changed after its end: {observed}",
        "Store the result when the task ends, and do not overwrite it with that of a later poll.",
    ),
    "timestamps": Advice(
        "The timestamps of a task are out of order: {observed}",
        "Do not sort or time tasks by these fields; use the app's own clock.",
    ),
    "reason": Advice(
        "A task that has not failed has a failure_reason: {observed}",
        "Decide by the status whether a task has failed, not by failure_reason.",
    ),
    "echo": Advice(
        "A poll echoes something other than what was submitted: {observed}",
        "Store what was submitted in the app itself, under the taskId, and do not read it from the "
        "echo. If the value itself differs, so may the result.",
    ),
    "cancel-is-kept": Advice("A task with a cancellation ended as {observed}", _CANCEL),
    "results": Advice(
        "A finished task of {subject} has {observed}",
        "Process all URLs, whatever their number and type, and compare them with what was paid "
        "for.",
    ),
    "files": Advice(
        "A result file of {subject} has {observed}",
        "Recognise the type of a file by its first bytes, not by its name or Content-Type; check "
        "that it is complete, and fetch it again if it is not.",
    ),
    "pixels": Advice(
        "A result ({subject}) has {observed} pixels",
        "Read width and height from the file instead of computing them from the request.",
    ),
    "webhook-conforms": Advice(
        "A webhook has {observed}",
        "Treat a webhook only as a hint that something happened, and poll the task for details.",
    ),
    "webhook-comes": Advice("A task that has ended sent {observed}", _WEBHOOK),
    "webhook-after-end": Advice(
        "When a webhook came, a poll of its task still showed {observed}", _WEBHOOK
    ),
    "webhook-equals-poll": Advice("A webhook differs from a poll ({observed})", _WEBHOOK),
    "lifecycle": Advice(
        "A task of {subject} did not go through its states as promised: {observed}",
        "Limit every wait, and report what the last poll shows.",
    ),
    "sizes": Advice(
        "A result ({subject}) was made with {observed}",
        "Read width and height from the file instead of computing them from the request.",
    ),
    "cancel-pending": Advice("A pending task could not be cancelled: {observed}", _CANCEL),
    "cancel-later": Advice("A late cancellation returned {observed}", _CANCEL),
    "cancel-ended": Advice("The cancellation of an ended task returned {observed}", _CANCEL),
    "any-order": Advice("A series of requests showed this: {observed}", _STATES),
    "file-whole": Advice(
        "A result file is incomplete ({observed})",
        "Check that a file can be decoded before storing it, and fetch it again if it cannot.",
    ),
    "file-same": Advice(
        "A result URL returned other bytes later ({observed})",
        "Store the file when it is first fetched instead of storing the URL.",
    ),
    "files-differ": Advice(
        "Several results of one task are the same picture ({observed})",
        "Compare the files before a user sees, or pays for, several of them.",
    ),
    "headers-true": Advice(
        "The headers of a response do not describe its body ({observed})",
        "Read bodies with a client that checks their length and encoding, and report its errors.",
    ),
    "near-misses": Advice("A value that is nearly right returned {observed}", _CHECK),
    "token-near": Advice("A key that is nearly right ({subject}) returned {observed}", _KEY),
    "token-elsewhere": Advice("A key in another place ({subject}) returned {observed}", _KEY),
    "webhook-url": Advice(
        "A webhook went to another URL than the submitted one ({observed})", _WEBHOOK
    ),
    "webhook-again": Advice(
        "A second attempt of a webhook is not as expected ({observed})",
        "Let the receiver accept the same webhook twice, and poll tasks whose webhook is missing.",
    ),
    "rejected-cancels": Advice(
        "A cancellation that was rejected had an effect ({observed})",
        "Keep taskIds as secret as keys: anyone who knows one may be able to end the task.",
    ),
    "odd-requests": Advice(
        "A request that was rejected had an effect ({observed})",
        "Poll a task after a rejected request instead of assuming that nothing has changed.",
    ),
    "rejected-submissions": Advice(
        "A rejected submission had an effect ({observed})",
        "Ignore webhooks of unknown tasks, and check what was charged.",
    ),
    "texts": Advice(_ACCEPTED, _NOT_SENT),
    "calendar": Advice(
        "A task shows a timestamp that does not exist ({observed})",
        "Parse timestamps so that an invalid one is reported and does not crash the app.",
    ),
    "updated-still": Advice(
        "updated_at changed although the status did not ({observed})",
        "Compare the status to see whether a task has moved on, not updated_at.",
    ),
    "clock": Advice(
        "created_at is not the time of the submission ({observed})",
        "Measure ages and time-outs by the app's own clock.",
    ),
    "repeated-polls": Advice(
        "A task was shown differently when it was polled again ({observed})",
        "Act only once on what a poll shows, and expect later polls to differ.",
    ),
    "later-polls": Advice(
        "An ended task was shown differently later ({observed})",
        "Store the result of a task when it ends, and do not rely on polling it later.",
    ),
    "requests-conform": Advice(
        "The app itself submitted an invalid document: {observed}",
        "Fix the app: the API rejects this, or ignores it and makes something else.",
    ),
}
"""By the id of the check."""

BY_CLAUSE = {
    "task.json#/properties/status": (
        "Code that waits for a documented status waits forever. Accept the new name besides the "
        "documented one, treat an unknown status as that of a task that is not finished, and "
        "limit the wait."
    ),
    "task.json#/properties/result": "Check that there is a result before reading its URLs.",
    "task.json#/allOf/0": (
        "Code that reads the URLs of a success finds none. Look where the response has them now, "
        "and report a success without URLs as an error, not as an empty result."
    ),
    "task.json#/$defs/result": (
        "Code that reads the URLs of a success finds none, or others. Look where the response has "
        "them now, and check each before using it."
    ),
    "submit-response.json#/properties/data": (
        "The app cannot find its taskId, but the task may run and be charged. Read the id where "
        "it is now, and do not submit again just because it is missing."
    ),
    "submit-response.json#/required": (
        "The app cannot find its taskId, but the task may run and be charged. Read the id where "
        "it is now, and do not submit again just because it is missing."
    ),
}
"""Advice for clauses that is more specific than that of the check; the longest prefix wins."""
