"""What the cockpit asks a server of its own: is it well, can it answer, which adapters does it hold."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

# A proxy of the environment's is for the world outside, not for 127.0.0.1.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PROBE_S = 120.0  # the first answer warms the engine up


def healthy(url: str, timeout: float = 2.0) -> bool:
    """Whether it answers on /health."""
    try:
        with _OPENER.open(f"{url}/health", timeout=timeout) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def probe(url: str, key: str) -> str | None:
    """Have one token generated: an engine may start and yet have no kernel for the model. Why not, or None."""
    body = {"model": "base", "prompt": [[1]], "max_tokens": 1, "temperature": 0}
    try:
        ask(url, key, "/v1/completions", body, timeout=PROBE_S)
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def adapters(url: str, key: str) -> list[str]:
    """Names of the adapters that it holds. Raises OSError or ValueError where it doesn't say."""
    told = ask(url, key, "/v1/models")
    return [str(model["id"]) for model in told["data"] if model.get("parent")]


def ask(url: str, key: str, path: str, body: object = None, *, timeout: float = 5.0) -> Any:
    """GET, or POST of `body`; the answer's JSON. Raises OSError (HTTPError among them) or ValueError."""
    request = urllib.request.Request(
        url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with _OPENER.open(request, timeout=timeout) as answer:
        return json.loads(answer.read() or b"null")
