"""`cockpit mlflow`: MLflow's own page over this workspace's runs, until ctrl-c."""

from __future__ import annotations

import argparse
import signal

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.cli.place import workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="on 127.0.0.1 (default: any free one)")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.serving import mlflow_page

    ws = workspace(options)
    if not options.json:
        say("Starting MLflow (some seconds) …")
    page, process = mlflow_page.start(ws, port=options.port)
    if options.json:
        print_json(page)
    else:
        say(f"MLflow is at {page.url}, over {page.store}.")
        say(f"From your own machine: {page.tunnel}")
        say("ctrl-c ends it.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return OK if process.wait() == 0 else FAILED
    except KeyboardInterrupt:
        return OK
    finally:
        mlflow_page.end(process)
