"""The command line: every action of the screens has its twin here, with `--json`.

Exit codes: 0 done; 1 it was tried and failed (a run, a check); 2 the input was wrong; 130 interrupted.
Only the module of the command that was asked for is imported, so that `cockpit status --tmux` stays cheap.

May import: every layer below, inside the command's own functions.
Start reading at `COMMANDS` below, then `recipe/new.py` as the pattern of a command.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from cockpit.cli import printable
from cockpit.contract.errors import CockpitError, of_system

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Command:
    """A command's module (with `arguments(parser)` and `run(options) -> int`) and what it does, in a line.

    A module of several commands has one function for each instead, `module:function`: it adds the arguments and sets
    `run` (`parser.set_defaults`).
    """

    module: str
    help: str
    group: str


COMMANDS: dict[str, Command] = {
    "demo": Command("experiments.demo", "the whole story on a tiny model, in minutes", "start"),
    "init": Command("workspace.init", "make a workspace: model, data, verifier", "start"),
    "inspect": Command(
        "dataset.inspect", "look at a data file: shape, lengths, oddities, answer formats", "start"
    ),
    "verify": Command("dataset.verify", "score a completion, or a file of them, and say why", "start"),
    "audit": Command(
        "dataset.audit", "does the verifier tell right from wrong, on your own gold answers", "start"
    ),
    "advise": Command("technique.advise", "which technique fits the reward that you have, and why", "start"),
    "wizard": Command("wizard", "from a data file to a proven recipe, step by step", "start"),
    "doctor": Command("doctor.doctor", "what this machine has and lacks", "start"),
    "env": Command("doctor.env", "environments of their own (add ppo, add vllm, ls, rm)", "start"),
    "completion": Command("completion", "completion for bash, zsh or fish, experiment ids too", "start"),
    "new": Command("recipe.new", "a new experiment: technique, hypothesis, settings", "move"),
    "import": Command(
        "recipe.import_config", "a TRL, axolotl, LLaMA-Factory or unsloth file as a draft", "move"
    ),
    "settings": Command("recipe.settings", "what a technique's trainer takes, in TRL's own words", "move"),
    "sweep": Command("recipe.sweep", "sibling experiments, one for each value of a setting", "move"),
    "fit": Command("recipe.fit", "will it fit in memory, what would make it fit, how long it takes", "move"),
    "literature": Command("technique.literature", "papers for the decision, and what you rely on", "move"),
    "smoke": Command("smoke", "prove the pipeline on ten examples, in about a minute", "move"),
    "launch": Command("runs.launch:launch", "start an experiment's run; it outlives the terminal", "move"),
    "stop": Command("runs.launch:stop", "end a run, with a checkpoint to resume from", "move"),
    "resume": Command("runs.launch:resume", "go on from the last checkpoint", "move"),
    "score": Command("runs.launch:score", "the full held-out pass, now", "move"),
    "unseal": Command("experiments.unseal", "the one look at the sealed held-out set", "move"),
    "export": Command(
        "export", "the model (merged, adapter, GGUF, Ollama), scored again; or its recipe for others", "move"
    ),
    "commit": Command("experiments.decide:commit", "keep an experiment's result", "move"),
    "discard": Command("experiments.decide:discard", "put an experiment aside, with the reason", "move"),
    "note": Command("experiments.decide:note", "write a line to methodlog.md", "move"),
    "ls": Command("tree.look:ls", "the experiments, as a tree", "look"),
    "status": Command("tree.look:status", "what runs now (--tmux: one short line)", "look"),
    "show": Command("tree.look:show", "one experiment: recipe, scores, findings, answers", "look"),
    "logs": Command("tree.look:logs", "a run's log (-f follows)", "look"),
    "queue": Command("runs.queue", "what waits to be launched, and for what", "look"),
    "alert": Command("runs.alert", "who is told of ends and findings (test sends one now)", "look"),
    "gc": Command("workspace.gc", "checkpoints that nobody needs any more (a dry run first)", "look"),
    "watch": Command("foreign", "runs that others made: Trainer, TensorBoard, MLflow, wandb, evo", "look"),
    "serve": Command("serving", "a warm vLLM server for mini-evals (start, status, stop)", "look"),
    "mlflow": Command("workspace.mlflow", "MLflow's page over this workspace's runs, on 127.0.0.1", "look"),
    "cache": Command("workspace.cache", "what need not be made again (ls, rm)", "look"),
    "methodlog": Command("tree.look:method_log", "what was decided, from methodlog.md", "look"),
    "findings": Command("rules:findings", "what the diagnostics say", "look"),
    "compare": Command(
        "tree.compare", "experiments side by side: scores, settings, items won and lost", "look"
    ),
    "report": Command("tree.report", "a page or Markdown about it all, for those who weren't there", "look"),
    "overlap": Command("dataset.overlap", "is the held-out set in the training data, and where", "look"),
    "judge": Command("rules:judge", "the diagnostics on a history from elsewhere", "look"),
    "realign": Command("spotcheck.realign", "mend a mismatch: training data in the verifier's form", "move"),
    "spot-check": Command(
        "spotcheck.spot_check", "train and eval side by side, as the model sees them", "look"
    ),
}


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are errors like all others: a sentence, or JSON where that was asked for."""

    def error(self, message: str) -> NoReturn:
        raise CockpitError(message, f"See `{self.prog} --help`: {self._usage()}")

    def _usage(self) -> str:
        return " ".join(self.format_usage().removeprefix("usage: ").split())


GROUPS = {"start": "Start", "move": "Move", "look": "Look"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; without a command, open the cockpit."""
    if argv is None and "_ARGCOMPLETE" in os.environ:  # the shell asks what may stand at its cursor
        import_module("cockpit.cli.completion").answer()
    words = list(sys.argv[1:] if argv is None else argv)
    printable.make_streams_printable()
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    at = command_at(words)
    if at is None:
        named = [words[index] for index in _named(words)]
        if named:  # help on what there is not: the same refusal as without
            words = [*named, *(word for word in words if word == "--json")]
        return _guarded(Command("workspace.open", "", ""), root_parser(), words)
    name = words.pop(at)
    return _guarded(COMMANDS[name], command_parser(name), words)


def command_parser(name: str) -> argparse.ArgumentParser:
    """A command's parser, with what all commands take."""
    parser = Parser(prog=f"cockpit {name}", description=COMMANDS[name].help.capitalize() + ".")
    _common(parser)
    return parser


def command_at(words: Sequence[str]) -> int | None:
    """Where the command's name stands: the first word beside the global options, if it names one."""
    return next((index for index in _named(words)[:1] if words[index] in COMMANDS), None)


def _named(words: Sequence[str]) -> list[int]:
    """Where words stand that are no option and no global option's value."""
    found: list[int] = []
    skip = False
    for index, word in enumerate(words):
        if not skip and not word.startswith("-"):
            found.append(index)
        skip = not skip and word in ("--dir", "-C")
    return found


def add_arguments(command: Command, parser: argparse.ArgumentParser) -> None:
    """Add a command's arguments, and set what runs it (`run`)."""
    module, _, function = command.module.partition(":")
    handler = import_module(f"cockpit.cli.{module}")
    if function:
        getattr(handler, function)(parser)
    else:
        handler.arguments(parser)
        parser.set_defaults(run=handler.run)


def _guarded(command: Command, parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    add_arguments(command, parser)
    try:
        options = parser.parse_intermixed_args(words)  # settings and options in any order
        return int(options.run(options))
    except CockpitError as error:
        return _refused(error, words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `cockpit logs | head`: the reader has seen enough
        sys.stderr.close()
        return OK
    except OSError as error:
        return _refused(of_system(error), words)


def _refused(error: CockpitError, words: Sequence[str]) -> int:
    if "--json" in words:
        import json

        print(json.dumps(error.as_dict()))
    else:
        from cockpit.core.safe_text import clean

        print(f"cockpit: {clean(str(error))}", file=sys.stderr)
    return BAD_INPUT


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", "-C", metavar="DIR", help="the workspace (default: here or above)")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def root_parser() -> argparse.ArgumentParser:
    """The parser without a command: the help that lists them."""
    from cockpit import __version__

    lines = ["commands:"]
    for key, title in GROUPS.items():
        lines.append(f"  {title}")
        lines += [f"    {name:<10} {c.help}" for name, c in COMMANDS.items() if c.group == key]
    parser = Parser(
        prog="cockpit",
        usage="cockpit [--dir DIR] [command …]",
        description="The cockpit for fine-tuning runs. Without a command it opens on the workspace here.",
        epilog="\n".join([*lines, "", "`cockpit COMMAND --help` tells its options."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"cockpit {__version__}")
    parser.add_argument("--dir", "-C", metavar="DIR", help="the workspace (default: here or above)")
    return parser
