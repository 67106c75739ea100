"""What a broken law means to somebody who has an app, in plain words."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """How a broken law is told."""

    seen: str
    """What was seen, a sentence without its end; `{observed}` and `{subject}` are the finding's."""
    advice: str
    """What the developer of an app should do about it."""


_POLL = "A poll was answered with {observed}"
_REFUSED = "A submission that is to be refused ({subject}) was answered {observed}"
_ACCEPTED = "A valid submission ({subject}) was answered {observed}"
_PARSE = (
    "Read the answer as it comes now, and let the app report an answer that it cannot read "
    "instead of taking it for a result."
)
_KEY = (
    "Treat every status from 401 to 403 as a key that is not accepted: stop, and ask for another "
    "one, instead of trying again."
)
_CHECK = (
    "Do not rely on the API to refuse this: check it before submitting, for what is accepted by "
    "mistake may be charged."
)
_NOT_SENT = (
    "An app that sends this is refused now. Offer only what is still accepted, and show the "
    "message of the refusal to the user."
)
_STATES = "Act on the status that a poll shows last, and do not assume which one comes before it."
_CANCEL = (
    "Do not take the answer to a cancellation for the end of the task: poll until it has ended, "
    "and count on being charged if it ends in success."
)
_WEBHOOK = (
    "Do not rely on webhooks alone: when one comes, or none does in time, poll the task and act "
    "on what the poll shows."
)

ADVICE = {
    "responses": Advice(
        "A request was answered with {observed}",
        "Check status and Content-Type before reading an answer as JSON; try again later only "
        "what is safe to repeat.",
    ),
    "status-is-code": Advice(
        "An answer ({subject}) has {observed}",
        "Look at both the HTTP status and the code of the body; take an answer for a success only "
        "if both say so.",
    ),
    "submit-response": Advice("An accepted submission was answered with {observed}", _PARSE),
    "poll-response": Advice(_POLL, _PARSE),
    "cancel-response": Advice("An accepted cancellation was answered with {observed}", _PARSE),
    "error-response": Advice(
        "A refusal with {subject} was answered with {observed}",
        "Decide by the HTTP status, not by the text of the message, and show the whole body where "
        "the message is missing.",
    ),
    "moderation-response": Advice(
        "A rejection by moderation was answered with {observed}",
        "Recognise a rejection by its message as well as by its categories, and do not send the "
        "same content again.",
    ),
    "no-unknown-field": Advice(
        "An answer has a field that no page names ({observed})",
        "Nothing, if the app ignores fields that it does not know; let its parser do so.",
    ),
    "token-missing": Advice("A request without a token was answered {observed}", _KEY),
    "token-malformed": Advice(
        "A request with the malformed Authorization {subject!r} was answered {observed}", _KEY
    ),
    "token-wrong": Advice("A request with a token of nobody was answered {observed}", _KEY),
    "token-everywhere": Advice("A {subject} without a token was answered {observed}", _KEY),
    "token-first": Advice("A wrong submission without a token was answered {observed}", _KEY),
    "unknown-task": Advice(
        "A {subject} of a task that does not exist was answered {observed}",
        "Treat any refusal of a poll that comes again and again as a task that is lost, whatever "
        "its status, and stop polling.",
    ),
    "unknown-route": Advice(
        "A request to a route that does not exist was answered {observed}",
        "Check the base URL and the paths that the app uses: a typing error may not show as 404.",
    ),
    "wrong-method": Advice(
        "A request with a method that the route does not have was answered {observed}",
        "Check the methods that the app uses: a wrong one may not show as 405.",
    ),
    "foreign-task": Advice(
        "A {subject} of another key's task was answered {observed}",
        "Keep the key with each taskId; if a stranger's task is shown, treat taskIds and result "
        "URLs as secrets, and tell the vendor.",
    ),
    "body-is-json": Advice(
        "A submission that is not JSON ({subject}) was answered {observed}", _CHECK
    ),
    "body-is-limited": Advice(
        "A submission that is very large was answered {observed}",
        "Keep requests small: put pictures behind URLs instead of into the request.",
    ),
    "envelope-is-checked": Advice(_REFUSED, _CHECK),
    "input-is-checked": Advice(_REFUSED, _CHECK),
    "no-local-callback": Advice(
        "A callBackUrl of this machine was answered {observed}",
        "Give a callBackUrl that can be reached from the internet: no webhook will ever come to "
        "this one.",
    ),
    "smallest-input": Advice(
        "The smallest valid submission to {subject} was answered {observed}",
        "If only this model is refused, it may be gone or renamed: choose another one. If a "
        "message names a field, send that field.",
    ),
    "every-value": Advice(_ACCEPTED, _NOT_SENT),
    "any-input": Advice(_ACCEPTED, _NOT_SENT),
    "envelope-is-accepted": Advice(
        "A submission with the optional {subject} was answered {observed}",
        "Leave the field out, or submit again without it when it is refused.",
    ),
    "unique-ids": Advice(
        "Submissions were given the same taskId: {observed}",
        "Do not use the taskId as the only key of your own records, and do not submit twice what "
        "is to be made once.",
    ),
    "same-task": Advice(
        "A poll was answered with another task: {observed}",
        "Compare the taskId of every answer with the one that was asked for, and throw away what "
        "does not fit: it may be another customer's.",
    ),
    "is-found": Advice(
        "A poll of a task that had been accepted was answered so: {observed}",
        "Do not give a task up at the first refused poll: it may run and be charged. Poll again "
        "for a while before submitting anew.",
    ),
    "never-back": Advice("The status of a task went back: {observed}", _STATES),
    "starts-pending": Advice("The first poll of a task showed {observed}", _STATES),
    "ends": Advice(
        "A task of {subject} did not end: {observed}",
        "Bound every wait. Look at what the last poll shows: a status that no page names may be "
        "an end under a new name.",
    ),
    "final": Advice(
        "A task changed after its end: {observed}",
        "Store the result when the task ends, and do not overwrite it by a later poll.",
    ),
    "timestamps": Advice(
        "The moments of a task are out of order: {observed}",
        "Do not sort or time tasks by these fields; use the app's own clock.",
    ),
    "reason": Advice(
        "A task that has not failed has a reason of failure: {observed}",
        "Decide by the status whether a task has failed, and not by failure_reason.",
    ),
    "echo": Advice(
        "A poll echoes something else than was submitted: {observed}",
        "Keep what was submitted in the app itself, under the taskId, and do not read it from "
        "the echo. If the value itself is another one, the result may be, too.",
    ),
    "cancel-is-kept": Advice("A task with a cancellation ended as {observed}", _CANCEL),
    "results": Advice(
        "A finished task of {subject} has {observed}",
        "Go through all URLs that are there, whatever their number and type, and compare with "
        "what was paid for.",
    ),
    "files": Advice(
        "A result file of {subject} came with {observed}",
        "Look at the first bytes of a file to learn what it is, not at its name or Content-Type; "
        "check that it is complete, and fetch it again if not.",
    ),
    "pixels": Advice(
        "A result ({subject}) has {observed} pixels",
        "Read width and height from the file instead of computing them from what was asked for.",
    ),
    "webhook-conforms": Advice(
        "A webhook came with {observed}",
        "Take a webhook only as the news that something happened, and poll the task for what it "
        "is.",
    ),
    "webhook-comes": Advice("Of a task that has ended there were {observed}", _WEBHOOK),
    "webhook-after-end": Advice(
        "When a webhook came, a poll of its task still showed {observed}", _WEBHOOK
    ),
    "webhook-equals-poll": Advice("A webhook differs from a poll ({observed})", _WEBHOOK),
    "lifecycle": Advice(
        "A task of {subject} did not live as promised: {observed}",
        "Bound every wait, and report what the last poll shows.",
    ),
    "sizes": Advice(
        "A result ({subject}) was made with {observed}",
        "Read width and height from the file instead of computing them from what was asked for.",
    ),
    "cancel-pending": Advice("A waiting task could not be cancelled: {observed}", _CANCEL),
    "cancel-later": Advice("A late cancellation was answered {observed}", _CANCEL),
    "cancel-ended": Advice("The cancellation of an ended task was answered {observed}", _CANCEL),
    "any-order": Advice(
        "In a row of requests that no page describes, this was seen: {observed}", _STATES
    ),
    "file-whole": Advice(
        "A result file cannot be shown to its end ({observed})",
        "Check that a file can be decoded before it is stored, and fetch it again when it cannot.",
    ),
    "file-same": Advice(
        "A result URL returned other bytes later ({observed})",
        "Store the file when it is first fetched, instead of the URL.",
    ),
    "files-differ": Advice(
        "Several results of one task are the same picture ({observed})",
        "Compare the files before several are shown to a user, or paid for by one.",
    ),
    "headers-true": Advice(
        "The headers of a response do not describe its body ({observed})",
        "Read bodies with a client that checks their length and coding, and report what it says.",
    ),
    "near-misses": Advice("A value that is nearly right was answered {observed}", _CHECK),
    "token-near": Advice("A key that is nearly right ({subject}) was answered {observed}", _KEY),
    "token-elsewhere": Advice("A key in another place ({subject}) was answered {observed}", _KEY),
    "webhook-url": Advice("A webhook came to another URL than was given ({observed})", _WEBHOOK),
    "webhook-again": Advice(
        "A second attempt of a webhook is not as expected ({observed})",
        "Make the receiver accept the same webhook twice, and poll tasks whose webhook is missing.",
    ),
    "rejected-cancels": Advice(
        "A cancellation that was rejected had an effect ({observed})",
        "Keep task ids as private as keys: whoever knows one may end the task.",
    ),
    "odd-requests": Advice(
        "A request that was rejected had an effect ({observed})",
        "Poll a task after a rejected request instead of assuming that nothing has changed.",
    ),
    "rejected-submissions": Advice(
        "A rejected submission had an effect ({observed})",
        "Ignore webhooks of tasks that the app does not know, and check what was charged.",
    ),
    "texts": Advice(_ACCEPTED, _NOT_SENT),
    "calendar": Advice(
        "A task shows a moment that does not exist ({observed})",
        "Parse moments so that a wrong one is reported instead of ending the app.",
    ),
    "updated-still": Advice(
        "updated_at moved although the status did not ({observed})",
        "Compare the status to see whether a task has moved on, not updated_at.",
    ),
    "clock": Advice(
        "created_at is not when the task was submitted ({observed})",
        "Measure ages and time-outs by the app's own clock.",
    ),
    "repeated-polls": Advice(
        "The same task was shown in another way when it was polled again ({observed})",
        "Act on what a poll shows only once, and expect that a later one may differ.",
    ),
    "later-polls": Advice(
        "A task that had ended was shown in another way later ({observed})",
        "Store the result of a task when it ends, and do not rely on polling it later.",
    ),
    "requests-conform": Advice(
        "The app itself submitted what the API does not take: {observed}",
        "Mend the app: the API refuses this, or ignores it and makes something else.",
    ),
}
"""By law."""

BY_CLAUSE = {
    "task.json#/properties/status": (
        "Code that waits for a documented status waits for ever. Accept the new name besides the "
        "documented one, treat a name that the app does not know as one of a task that goes on, "
        "and bound the wait."
    ),
    "task.json#/properties/result": "Check that there is a result before reading its URLs.",
    "task.json#/allOf/0": (
        "Code that reads the URLs of a success finds none. Look where the answer has them now, "
        "and report a success without URLs as an error instead of an empty result."
    ),
    "task.json#/$defs/result": (
        "Code that reads the URLs of a success finds none, or others. Look where the answer has "
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
"""Where more can be said of a clause than of its law; the longest beginning counts."""
