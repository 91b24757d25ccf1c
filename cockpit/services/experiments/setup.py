"""Making a workspace: check model, data and verifier before anything is written, set the held-out set apart.

Raises CockpitError for whatever could only fail later, and expensively: a verifier that doesn't accept its own
gold answers, a held-out item in the training data, a model folder that isn't one.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.network import hub
from cockpit.core.methodlog import Entry
from cockpit.core.recipe.mini_eval import TOKENS_AN_ANSWER, items_for
from cockpit.data.reading.files import Rows
from cockpit.data.rows import Row, gold_item
from cockpit.services.dataset import datasets, gold, measure, slices
from cockpit.services.recipe import seeing
from cockpit.services.workspace import config, methodlog_writer
from cockpit.services.workspace.workspace import Workspace
from cockpit.verifiers import Verifier, selfcheck
from cockpit.verifiers import load as load_verifier
from cockpit.verifiers.catalogue import is_graded
from cockpit.verifiers.selfcheck import SelfCheck

PROSE = 12
"""Words of a typical answer from which it is prose: hardly ever given again word by word."""


@dataclass(slots=True)
class Made:
    """What `init` did: where, from what, and what it has to say."""

    root: Path
    model: str
    verifier: str
    train: str | None
    mini_eval: str
    held_out: str
    counts: dict[str, int]
    messages: list[str] = field(default_factory=list[str])
    sealed: str | None = None


def init(
    root: Path,
    *,
    name: str,
    model: str,
    verifier: str,
    train: Path,
    held_out: Path | None = None,
    mini_eval: Path | None = None,
    sealed: Path | None = None,
    random_score: float | None = None,
    system_prompt: str | None = None,
    constraints: Sequence[str] = (),
    seed: int = 0,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Made:
    """Make the workspace at `root` with its baseline experiment as a draft. Raises CockpitError."""
    layout = WorkspaceLayout(root)
    if layout.config.exists():
        raise CockpitError(
            "there is a workspace here already", "Open it with `cockpit`, or use --dir.", file=root
        )
    model = check_model(model)
    load_verifier_clearly(verifier)
    made = Made(root, model, verifier, str(train.resolve()), "", "", {})
    answers = (sections or {}).get("generation", {}).get("max_new_tokens")
    items = items_for(answers if isinstance(answers, int) else TOKENS_AN_ANSWER)
    apart = slices.make(train, held_out, mini_eval, seed=seed, mini_items=items)
    made.messages += apart.messages
    for rows, file in (
        (apart.train.first(seeing.SAMPLE), train),
        (apart.items["held_out"], held_out or train),
    ):
        if (number := seeing.first_with_images(rows)) is not None:
            seeing.refuse_blind_model(model, file, number)
    _check_apart(apart, "mini_eval", apart.items["mini_eval"], mini_eval or train)
    _check_items(apart.items["held_out"], verifier, made, held_out or train, golds=apart.golds["held_out"])
    _check_training(apart.train, verifier, made)
    if sealed is not None:
        _check_sealed(sealed, apart, verifier, made, train)
    root.mkdir(parents=True, exist_ok=True)
    parts = {**apart.items, "train": apart.train}
    paths = _write_slices(layout, parts, train, held_out, mini_eval)
    made.train, made.mini_eval, made.held_out = (str(paths[k]) for k in ("train", "mini_eval", "held_out"))
    made.counts |= {key: len(rows) for key, rows in parts.items()}
    config.write(
        layout.config,
        {
            **(sections or {}),
            "name": name,
            "constraints": list(constraints),
            "model": {"name_or_path": model},
            "data": {key: _shown(paths[key], root) for key in ("train", "mini_eval", "held_out")}
            | {"system_prompt": system_prompt, "sealed": _shown(sealed.resolve(), root) if sealed else None},
            "verifier": {"spec": verifier, "random_score": random_score},
        },
    )
    _first_experiment(Workspace(root), made, constraints, train)
    return made


def check_model(model: str) -> str:
    """A model folder, made absolute, or a hub id as it is.

    Raises CockpitError for a folder that isn't a model, and for an id that neither this machine's cache nor the hub
    has. Asks the hub where the cache doesn't know it: that may take seconds.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / "adapter_config.json").is_file():
            raise CockpitError(
                "this folder holds no model: there is no config.json in it",
                "Give a folder that `save_pretrained` wrote, or a hub id.",
                file=path,
            )
        return str(path.resolve())
    if path.is_file() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise CockpitError("there is no such model folder", "Correct the path, or give a hub id.", file=path)
    if not any(measure.cached_file(model, name) for name in ("config.json", "adapter_config.json")):
        _ask_hub(model)
    return model


def _ask_hub(model: str) -> None:
    """Raise CockpitError for a model that the hub doesn't give, or that nobody can ask it for."""
    here = f"there is no model {model!r} here: no folder of that name, and none in the hub's cache on this machine"
    otherwise = "Give a folder that `save_pretrained` wrote"
    if hub.offline():
        raise CockpitError(f"{here}; HF_HUB_OFFLINE forbids asking the hub", f"{otherwise}, or unset it.")
    answer = hub.status(model) if hub.reachable() else 0
    if answer in (401, 403, 404):
        raise CockpitError(
            f"the hub has no model {model!r} for you (HTTP {answer}), and there is no folder of that name",
            "Correct the name; for a private or gated model set HF_TOKEN.",
        )
    if answer != 200:
        said = f"the hub answers with an error (HTTP {answer})" if answer else "the hub can't be reached"
        raise CockpitError(f"{here}; {said}", f"{otherwise}, or try again with a network.")


def load_verifier_clearly(spec: str) -> Any:
    """The verifier that `spec` names. Raises CockpitError with the names there are."""
    try:
        return load_verifier(spec)
    except ValueError as error:
        raise CockpitError(f"--verifier {spec!r}: {error}") from error


def _check_items(
    items: list[Row], verifier: str, made: Made, file: Path, name: str = "held-out", *, golds: bool = True
) -> None:
    """Gold answers through the verifier, before anything is trained; `golds=False`: these are demonstrations."""
    judge = load_verifier_clearly(verifier)
    items = [{**row, "answer": gold_item(row)} for row in items]
    check = selfcheck(judge, items)
    if not golds and judge.judge is None and not is_graded(verifier):
        made.messages += _without_gold(check, judge, items, file, name)
    if check.share == 0.0:
        why = f" ({check.failures[0].why})" if check.failures else ""
        raise CockpitError(
            f"the verifier {verifier!r} accepts none of its own {len(items)} gold answers{why}",
            "Choose the verifier that fits the answers; nothing could ever score above 0 with this one.",
            file=file,
        )
    if check.share < 1.0:
        made.messages.append(f"Careful: {verifier} accepts only {check.share:.0%} of its own gold answers.")
    if len(items) < 100:
        made.messages.append(f"{len(items)} {name} items show only large gains; 200 or more are better.")


def _without_gold(check: SelfCheck, judge: Verifier, items: list[Row], file: Path, name: str) -> list[str]:
    """What to say where items have demonstrations alone. Raises CockpitError where the verifier reads none of them."""
    if not check.written:
        raise CockpitError(
            f"the {name} items have no gold answers, only what was once said, and {judge.spec} finds nothing to "
            f"compare in that: it reads {judge.wanted}",
            "Give items with a gold answer (a column `answer`), or choose f1, which compares words.",
            file=file,
        )
    words = statistics.median(len(str(item["answer"]).split()) for item in items)
    if judge.spec == "exact" and words > PROSE:
        return [
            f"Careful: exact wants every answer word by word, and these are prose ({words:.0f} words each, no gold "
            "answers): nearly nothing will ever score. f1 grades prose by the words in common."
        ]
    return []


def _check_apart(apart: slices.Slices, name: str, items: list[Row], file: Path) -> None:
    """Refuse a mini-eval or a sealed set that shares items with a set that is looked at otherwise."""
    others, why = {
        "mini_eval": (
            ("held_out",),
            "checkpoints are chosen by the mini-eval, which would be choosing by the held-out set",
        ),
        "sealed": (("held_out", "mini_eval"), "what is looked at all along is not sealed"),
    }[name]
    for other in others:
        if met := datasets.overlap_exact(apart.items[other], items):
            raise CockpitError(
                f"{len(met)} item(s) of the {name.replace('_', '-')} set stand in the {other.replace('_', '-')} set "
                f"too: the first is {met[0].text[:80]!r}",
                f"Take them out of one of the two: {why}.",
                file=file,
            )


def _check_sealed(sealed: Path, apart: slices.Slices, verifier: str, made: Made, train: Path) -> None:
    """The sealed set's own gold answers; and that no item of it is trained on, or looked at in the other sets."""
    items = slices.own_items(apart.train, train, sealed, "sealed")
    _check_apart(apart, "sealed", items, sealed)
    _check_items(items, verifier, made, sealed, "sealed")
    made.sealed = str(sealed.resolve())
    made.counts["sealed"] = len(items)


def _check_training(rows: Iterable[Row], verifier: str, made: Made) -> None:
    """The training rows' own gold answers, where they have some."""
    check = gold.training_check(rows, load_verifier_clearly(verifier))
    if check is not None and (said := gold.careful(check, verifier)):
        made.messages.append(f"Careful: {said}.")


def _write_slices(
    layout: WorkspaceLayout,
    slices: Mapping[str, list[Row] | Rows],
    train: Path,
    held_out: Path | None,
    mini_eval: Path | None,
) -> dict[str, Path]:
    """Slices that we made go to `.cockpit/data`; a user's own files stay where they are."""
    paths: dict[str, Path] = {}
    own = {"train": train if held_out and mini_eval else None, "held_out": held_out, "mini_eval": mini_eval}
    for name, rows in slices.items():
        given = own.get(name)
        if given is not None:
            paths[name] = given.resolve()
            continue
        paths[name] = datasets.write_by_content(layout.data, name, rows)
    return paths


def _shown(path: Path, root: Path) -> str:
    resolved = root.resolve()
    return str(path.relative_to(resolved)) if path.is_relative_to(resolved) else str(path)


def _first_experiment(ws: Workspace, made: Made, constraints: Sequence[str], source: Path) -> None:
    from cockpit.services.experiments import lifecycle, precheck

    lifecycle.draft_baseline(ws)
    names = ("train", "held_out", "mini_eval", *(["sealed"] if made.sealed else []))
    hashes = {name: datasets.content_hash(getattr(made, name)) for name in names}
    entries = [
        Entry("target", f"model {made.model}, verifier {made.verifier}", key="target"),
        *(
            Entry(
                "dataset",
                f"{name} {getattr(made, name)} sha256:{digest[:16]}",
                key=f"data/{name}/{digest[:16]}",
                file=getattr(made, name),
            )
            for name, digest in hashes.items()
        ),
        *(Entry("constraint", text) for text in constraints),
    ]
    if str(source.resolve()) != made.train:
        digest = datasets.content_hash(source)[:16]
        whole = f"source {source.resolve()} sha256:{digest}"
        entries.insert(1, Entry("dataset", whole, key=f"data/source/{digest}", file=str(source.resolve())))
    methodlog_writer.record(ws, entries)
    precheck.record_target(ws)
