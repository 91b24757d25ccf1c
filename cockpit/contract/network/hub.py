"""Whether the Hugging Face hub can be reached at all, asked once and within seconds.

huggingface_hub asks anew for each file, five times with growing pauses: without a network a name took 46.7 s to be
refused, and every cached file of a model that is there costs as much. A box without a network should not need to know
HF_HUB_OFFLINE.
"""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Mapping
from http.client import HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

OFFLINE = "HF_HUB_OFFLINE"
SILENT = "COCKPIT_HUB_SILENT"
"""Set beside OFFLINE by a trainer that found the hub silent: the reason is not the user's setting then."""
_ON = ("1", "TRUE", "YES", "ON")


def offline(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment forbids asking."""
    return env.get(OFFLINE, "").upper() in _ON


def is_id(name: str | None) -> bool:
    """Whether a model's name means the hub's, and no folder."""
    if not name or name.startswith((".", "~", "/")) or name.count("/") > 1:
        return False
    return not os.path.isdir(name)


def _endpoint() -> str:
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    return endpoint if "//" in endpoint else f"https://{endpoint}"


def host() -> tuple[str, int]:
    """Where a request for the hub goes first: a proxy of the environment, a mirror (HF_ENDPOINT), or the hub."""
    place = urlsplit(_endpoint())
    proxies = urllib.request.getproxies()
    proxy = proxies.get(place.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(place.hostname or ""):
        place = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    try:
        port = place.port
    except ValueError:
        port = None
    return place.hostname or "", port or {"http": 80, "socks5": 1080, "socks5h": 1080}.get(place.scheme, 443)


def reachable(timeout_s: float = 6.0) -> bool:
    """Whether something listens there. A name server that hangs counts as no, after `timeout_s` seconds."""
    found: list[bool] = []

    def ask() -> None:
        try:
            socket.create_connection(host(), timeout=timeout_s).close()
            found.append(True)
        except (OSError, ValueError):
            found.append(False)

    asking = threading.Thread(target=ask, daemon=True)  # resolving a name knows no timeout
    asking.start()
    asking.join(timeout_s)
    return bool(found and found[0])


class _TokenStays(urllib.request.HTTPRedirectHandler):
    """Follows a redirect, and takes the token along only where it leads to the host that it is for."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        after = super().redirect_request(req, fp, code, msg, headers, newurl)
        if after is not None and urlsplit(after.full_url)[:2] != urlsplit(req.full_url)[:2]:
            after.remove_header("Authorization")
        return after


def status(model: str, timeout_s: float = 10.0) -> int:
    """What the hub answers to the question for this model, as HTTP says it: 200 where it is there; 0 without an answer.

    A private or gated one is there for whoever has set HF_TOKEN.
    """
    token = os.environ.get("HF_TOKEN", "").strip()
    try:
        request = urllib.request.Request(
            f"{_endpoint()}/api/models/{quote(model)}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        with urllib.request.build_opener(_TokenStays).open(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0
