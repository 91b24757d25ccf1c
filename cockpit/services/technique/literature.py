"""Papers for a decision: the brief from the workspace, Hugging Face papers and arXiv where there is a network.

Bounded in time and size; without a network the brief is there to be copied. What the user relies on is recorded.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from cockpit import __version__
from cockpit.contract.errors import CockpitError
from cockpit.contract.network import hub
from cockpit.contract.values import mapping
from cockpit.core.methodlog import Entry
from cockpit.core.safe_text import clean, clip
from cockpit.core.technique.literature import Brief, Hit, family_of, rank
from cockpit.services.experiments import catch_up, precheck
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace

HF_URL = "https://huggingface.co/api/papers/search"
ARXIV_URL = "https://export.arxiv.org/api/query"
TIMEOUT_S = 8.0
_BYTES = 4 << 20
_RESULTS = 15
_ATOM = "{http://www.w3.org/2005/Atom}"
_ON = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Found:
    """The brief, the ranked hits, and what went wrong on the way (a service that did not answer)."""

    brief: Brief
    hits: tuple[Hit, ...]
    problems: tuple[str, ...]


def brief_of(ws: Workspace, technique: str = "") -> Brief:
    """The brief that this workspace makes."""
    config = ws.config
    base = next((v.score for v in ws.experiments() if v.technique == "baseline" and v.score), None)
    start = f" (the base scores {base.text(2)})" if base else ""
    return Brief(
        model_family=family_of(config.model),
        benchmark=_benchmark(ws),
        objective=f"a higher held-out score under the verifier {config.verifier} than the base's{start}",
        constraints=tuple(precheck.constraints_of(ws, precheck.log_entries(ws))),
        technique=technique,
    )


def _benchmark(ws: Workspace) -> str:
    """The name that the data carries: the source's, as the log has it, else the workspace's."""
    for entry in precheck.log_entries(ws):
        match = re.match(r"source (\S+)", entry.text)
        if entry.kind == "dataset" and match:
            parts = match[1].rstrip("/").split("/")
            stem = parts[-1].split(".")[0]
            return f"{parts[-2]} {stem}" if len(parts) > 1 and stem in ("train", "test", "data") else stem
    return ws.config.name


def search(brief: Brief) -> Found:
    """Ask both services at once. Never raises: what does not answer in time is a problem in words."""
    if hub.offline() or os.environ.get("COCKPIT_OFFLINE", "").lower() in _ON:
        return Found(brief, (), ("Offline, as the environment says: copy the brief instead.",))
    asked: list[tuple[str, Callable[[str], list[Hit]], str]] = []
    for query in brief.queries()[:2]:
        asked += [("Hugging Face papers", _hugging_face, query), ("arXiv", _arxiv, query)]
    hits: list[Hit] = []
    problems: list[str] = []
    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        waiting = [(name, pool.submit(ask, query)) for name, ask, query in asked]
        for name, job in waiting:
            try:
                hits += job.result()
            except (OSError, ValueError, xml.ParseError) as error:
                why = getattr(error, "reason", error)  # URLError hides what happened in its reason
                why = getattr(why, "strerror", None) or why
                problems.append(f"{name} did not answer ({clip(clean(str(why)), 120)})")
    return Found(brief, tuple(rank(hits, brief)), tuple(dict.fromkeys(problems)))


def _get(url: str, parameters: dict[str, str]) -> bytes:
    query = urllib.parse.urlencode(parameters)
    request = urllib.request.Request(
        f"{url}?{query}", headers={"User-Agent": f"finetune-cockpit/{__version__}"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        data = answer.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise ValueError("the answer is too large")
    return data


def _hugging_face(query: str) -> list[Hit]:
    data: object = json.loads(
        _get(os.environ.get("COCKPIT_HF_PAPERS_URL", HF_URL), {"q": query, "limit": str(_RESULTS)})
    )
    if not isinstance(data, list):
        raise ValueError("the answer is no list")
    hits: list[Hit] = []
    for row in cast("list[object]", data)[:_RESULTS]:
        fields = mapping(row)
        inner = fields.get("paper", fields)
        paper = mapping(inner)
        if paper.get("id") and paper.get("title"):
            hits.append(_paper(paper))
    return hits


def _paper(paper: Mapping[str, Any]) -> Hit:
    votes = paper.get("upvotes")
    return Hit(
        _flat(paper["title"], 200),
        f"https://huggingface.co/papers/{urllib.parse.quote(str(paper['id']), safe='.')}",
        "Hugging Face papers",
        str(paper.get("publishedAt", ""))[:10],
        _flat(paper.get("summary", ""), 2000),
        votes if isinstance(votes, int) else 0,
    )


def _arxiv(query: str) -> list[Hit]:
    words = " AND ".join(f"all:{word}" for word in re.findall(r"[\w.-]+", query)[:6])
    raw = _get(
        os.environ.get("COCKPIT_ARXIV_URL", ARXIV_URL),
        {"search_query": words, "max_results": str(_RESULTS), "sortBy": "relevance"},
    )
    if b"<!DOCTYPE" in raw[:2048] or b"<!ENTITY" in raw:
        raise ValueError("the answer is no Atom feed")
    hits: list[Hit] = []
    for entry in xml.fromstring(raw).iter(f"{_ATOM}entry"):
        title, link = entry.findtext(f"{_ATOM}title"), entry.findtext(f"{_ATOM}id")
        if title and link and link.startswith("http"):
            hits.append(
                Hit(
                    _flat(title, 200),
                    _flat(link.replace("http://", "https://"), 200),
                    "arXiv",
                    (entry.findtext(f"{_ATOM}published") or "")[:10],
                    _flat(entry.findtext(f"{_ATOM}summary") or "", 2000),
                )
            )
    return hits


def _flat(text: object, width: int) -> str:
    return clip(clean(" ".join(str(text).split())), width)


def rely(ws: Workspace, reference: str, why: str = "") -> None:
    """Record a reference that a decision rests on. Raises CockpitError for an empty one."""
    if not reference.strip():
        raise CockpitError("an empty reference says nothing", "Give its title or link.")
    catch_up.before_move(ws)
    methodlog_writer.record(
        ws,
        [Entry("literature", f"relies on {reference.strip()}" + (f": {why.strip()}" if why.strip() else ""))],
    )


def skip(ws: Workspace, reason: str) -> None:
    """Write down that no literature was looked at, and why. Raises CockpitError without a reason."""
    if not reason.strip():
        raise CockpitError("skipping the literature is a choice that is written down", "Say why, in a line.")
    catch_up.before_move(ws)
    methodlog_writer.record(ws, [Entry("literature", f"skipped: {reason.strip()}")])


def recorded(ws: Workspace) -> list[str]:
    """What the log says of the literature: references, or that it was skipped."""
    return [entry.text for entry in precheck.log_entries(ws) if entry.kind == "literature"]
