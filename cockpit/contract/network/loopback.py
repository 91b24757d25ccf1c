"""Asking a server of our own on 127.0.0.1: JSON in, JSON out, and never by the environment's proxy."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

# A proxy of the environment's is for the world outside, not for 127.0.0.1.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, key: str, path: str, body: object = None, *, timeout: float = 5.0) -> Any:
    """GET, or POST of `body`; the answer's JSON, {} for one that is plain text ("Success: …").

    Raises OSError (urllib's HTTPError among them), ValueError for broken JSON, http.client's HTTPException.
    """
    request = urllib.request.Request(
        url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with _OPENER.open(request, timeout=timeout) as answer:
        text = answer.read()
    return json.loads(text) if text[:1] in (b"{", b"[") else {}


def healthy(url: str, timeout: float = 2.0) -> bool:
    """Whether it answers on /health."""
    try:
        with _OPENER.open(f"{url}/health", timeout=timeout) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False
