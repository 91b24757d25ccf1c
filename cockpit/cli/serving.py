"""`cockpit serve`: one warm vLLM server a base model and box, for mini-evals and for trying adapters by hand."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table, warn
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("start", "status", "stop"), default="status")
    parser.add_argument("model", nargs="?", help="a folder or hub id (default: the workspace's model)")
    parser.add_argument("--no-wait", action="store_true", help="start: come back before it answers")
    parser.add_argument("--timeout", type=float, default=900.0, metavar="S", help="start: wait so long")
    parser.add_argument("--max-model-len", type=int, metavar="N", help="tokens of prompt and answer together")
    parser.add_argument("--max-lora-rank", type=int, metavar="N")
    parser.add_argument("--max-loras", type=int, metavar="N", help="adapters in use at once")
    parser.add_argument(
        "--gpu", type=int, metavar="N", help="which GPU (default: the one with most free memory)"
    )
    parser.add_argument("--kv-cache-gib", type=float, metavar="GIB")
    parser.add_argument("--idle-min", type=float, metavar="MIN", help="ends unused after so long; 0 is never")
    parser.add_argument("--python", help="an interpreter that has vLLM")
    parser.add_argument("--all", action="store_true", help="stop: every server of yours on this machine")


def run(options: argparse.Namespace) -> int:
    if options.action == "start":
        return _start(options)
    return _stop(options) if options.action == "stop" else _status(options)


def _start(options: argparse.Namespace) -> int:
    from cockpit.services.serving import servers

    ws = None
    try:
        ws = workspace(options)
    except CockpitError:
        if not options.model:
            raise
    request = servers.request_of(
        ws,
        max_model_len=options.max_model_len,
        max_lora_rank=options.max_lora_rank,
        max_loras=options.max_loras,
        gpu=options.gpu,
        kv_cache_gib=options.kv_cache_gib,
        idle_min=options.idle_min,
        python=options.python,
    )
    tell = warn if options.json else say
    model = options.model or (ws.config.model if ws is not None else "")
    section: Mapping[str, Any] = ws.config.sections["model"] if ws is not None and not options.model else {}
    server, found = servers.start(
        ws,
        model,
        request,
        revision=section.get("revision"),
        trust_remote_code=bool(section.get("trust_remote_code")),
    )
    if found:
        tell("It runs already; its settings stay as they are.")
    if not options.no_wait and server.facts.state != "ready":
        tell(f"Starting; this takes a minute or more. Its log: {server.layout.log}")
        servers.wait(server.layout, options.timeout)
    now = servers.look(server.layout) or server
    if options.json:
        print_json(now.as_dict() | {"found": found})
        return OK
    if now.facts.state != "ready":
        say("It goes on starting; `cockpit serve` tells how far it is.")
        return OK
    say(f"{now.facts.model} is served at {now.facts.url} as `base` (memory: {now.facts.memory}).")
    say(f"Requests carry the key in {now.layout.key}: -H \"Authorization: Bearer $(cat '{now.layout.key}')\"")
    return OK


def _status(options: argparse.Namespace) -> int:
    from cockpit.services.serving import servers

    found = servers.every()
    if options.json:
        print_json({"servers": [server.as_dict() for server in found]})
        return OK
    if not any(server.alive for server in found):
        say(
            "No server runs. `cockpit serve start` starts one; a run with mid_eval.engine=vllm does so itself."
        )
    rows: list[list[str]] = []
    for server in found:
        facts = server.facts
        held = f"{server.resident / 2**30:.1f} GiB" if server.resident else "-"
        using = f"{len(server.adapters)} adapters, {len(server.leases)} runs" if server.alive else facts.says
        if facts.state == "starting":
            using = facts.says or f"for {time.time() - facts.started:.0f} s"
        address = facts.url if server.alive and facts.port else "-"
        rows.append([facts.state, facts.model, address, held, using])
    if rows:
        say(table(("state", "model", "address", "memory", "in use"), rows, right=(3,)))
    return OK


def _stop(options: argparse.Namespace) -> int:
    from cockpit.contract import serving
    from cockpit.services.serving import servers

    living = [server for server in servers.every() if server.alive]
    if not options.all:
        model = options.model or workspace(options).config.model
        wanted = serving.layout_for(serving.named(model), serving.model_digest(model)).root
        living = [server for server in living if server.layout.root == wanted]
        if not living:
            raise CockpitError(f"no server of {model} runs", "`cockpit serve` lists those that do.")
    for server in living:
        servers.stop(server.layout)
    if options.json:
        print_json({"stopped": [server.facts.model for server in living]})
    else:
        for server in living:
            say(f"Stopped the server of {server.facts.model}.")
        if not living:
            say("No server runs.")
    return OK
