"""Celery: one task submits, another one collects the picture, without a worker that sleeps."""

from __future__ import annotations

import os
from typing import Any

import requests
from celery import shared_task

BUSY = {429, 500, 502, 503, 504}


def _call(method: str, path: str, document: object = None) -> requests.Response:
    url = f"{os.environ['MAXAPI_BASE_URL']}/api/v1/task/{path}"
    headers = {"Authorization": f"Bearer {os.environ['MAXAPI_API_KEY']}"}
    return requests.request(method, url, json=document, headers=headers, timeout=10)


@shared_task(bind=True, max_retries=5)
def submit(self: Any, prompt: str) -> str:
    """Submit a task of the API; return its id. Comes back later if the API is busy."""
    document = {"model": "gpt-image-2/text-to-image", "input": {"prompt": prompt}}
    response = _call("POST", "submit", document)
    if response.status_code in BUSY:
        raise self.retry(countdown=float(response.headers.get("Retry-After", 10)))
    response.raise_for_status()
    return str(response.json()["data"]["taskId"])


@shared_task(bind=True, max_retries=100)
def collect(self: Any, task_id: str) -> list[str]:
    """Return the URLs of the pictures; comes back every few seconds until they are there."""
    response = _call("GET", task_id)
    task = response.json()["data"] if response.ok else {"status": "UNKNOWN"}
    if task["status"] in {"FAILURE", "TIMEOUT", "CANCELLED"}:
        raise RuntimeError(task["failure_reason"] or task["status"])
    if task["status"] != "SUCCESS":
        raise self.retry(countdown=5)
    return list(task["result"]["urls"])
