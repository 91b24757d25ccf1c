"""What the cockpit asks a server of its own: is it well, can it answer, which adapters does it hold."""

from __future__ import annotations

import urllib.error

from cockpit.contract.network.loopback import ask as ask
from cockpit.contract.network.loopback import healthy as healthy

PROBE_S = 120.0  # the first answer warms the engine up


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
