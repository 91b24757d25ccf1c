"""The moves: draft an experiment, launch it, stop it, score it, decide on it. Each leaves its line in the log.

Everything a screen or a command does to a workspace goes through here, so that both say and record the same.
Functions may block for a moment and speak in CockpitErrors.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, GateClosed
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.core.methodlog import Entry
from cockpit.core.runs.gpu_placement import Need
from cockpit.services.experiments import catch_up, gates
from cockpit.services.recipe import attempt_limit, drafts, guardrail, reward_check
from cockpit.services.recipe.warm_start import check_there, choose
from cockpit.services.runs import attempts, gpu_leases, launcher, observe, rewinding, slurm
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.findings import Finding

CLOSING_S = 30.0  # a trainer that reported its end has this long to leave
Tick = Callable[[ExperimentView], None]


def new(
    ws: Workspace,
    technique: str,
    *,
    hypothesis: str = "",
    parent: str | None = None,
    train: Path | None = None,
    overrides: Mapping[str, Any] | Sequence[str] | None = None,
    lora: bool | None = None,
    warm_start: str | None = None,
    fresh: bool = False,
    command: str | None = None,
) -> ExperimentView:
    """A new experiment as a draft, its recipe resolved and checked. Raises CockpitError; nothing is left then.

    It starts from `warm_start` or a committed parent (services/recipe/warm_start has the words), `fresh` from the base.
    """
    ws.refuse_moves()
    catch_up.before_move(ws)
    parent, warm_start = choose(ws, parent, warm_start, fresh=fresh, technique=technique)
    request = drafts.DraftRequest(
        technique=technique,
        hypothesis=hypothesis,
        parent=parent,
        train=train,
        overrides=overrides or {},
        lora=lora,
        warm_start=warm_start,
        command=command,
    )
    recipe = drafts.resolve(ws, request)
    reward_check.refuse_unloadable(ws.root, recipe)
    catch_up.of_data(ws, recipe)  # compared here, and remembered: others wait while the log is held
    with methodlog_writer.held(ws) as add, drafts.written(ws, recipe, now=ws.clock()) as recipe:
        add([*draft_entries(recipe), *catch_up.of_data(ws, recipe)])
    return ws.experiment(recipe.experiment_id)


def draft_baseline(ws: Workspace) -> ExperimentView:
    """`exp_0000`: the base model on the held-out set, before any training."""
    ws.refuse_moves()
    catch_up.before_move(ws)
    if BASELINE_ID in ws.experiment_ids():
        raise CockpitError(
            f"{BASELINE_ID} is there already", f"Launch it, or score it anew: `cockpit score {BASELINE_ID}`."
        )
    recipe = drafts.resolve(
        ws, drafts.DraftRequest(technique="baseline", hypothesis="the base model, untouched")
    )
    drafts.write(ws, recipe, now=ws.clock())
    return ws.experiment(BASELINE_ID)


def launch(
    ws: Workspace, experiment_id: str, *, reason: str | None = None, queued: bool = False
) -> ExperimentView:
    """Start the experiment's run. Raises GateClosed where a gate is closed that a `reason` opens.

    Any other CockpitError no reason opens: data that changed since the recipe was made, held-out items in it.
    """
    from cockpit.contract.recipe import Recipe

    ws.refuse_moves()
    catch_up.before_move(ws)
    view = ws.experiment(experiment_id)
    layout = ws.layout.experiment(view.id)
    attempt_limit.refuse_more(ws, view)
    recipe = Recipe.load(layout.draft)
    guardrail.check_data_unchanged(recipe)
    guardrail.refuse_leaks(ws, recipe)
    check_there(recipe)
    baseline = attempts.read_score(_baseline_attempt(ws), "mini_eval") if view.id != BASELINE_ID else None
    gates.open_with(ws, view, recipe, baseline, reason)
    if view.id != BASELINE_ID and recipe.technique != "custom":
        gates.note_untried(ws, view)
    number = view.attempts + 1
    coin = 0.5 if recipe.technique == "reward" else None  # a reward model's score is the order of pairs
    known = coin if coin is not None else baseline.value if baseline else None
    mid_eval = recipe.mid_eval.model_copy(update={"baseline": known})
    recipe = recipe.model_copy(update={"attempt": number, "mid_eval": mid_eval})
    attempt = layout.attempt(number)
    with _room(recipe, queued=queued) as held:
        try:
            attempt.root.mkdir(parents=True)
        except FileExistsError as error:
            raise CockpitError(f"{view.id} is being launched right now", "Look at it in a moment.") from error
        try:
            recipe = held.pinned(recipe)
            recipe.dump(attempt.recipe)
            _start(attempt, recipe)
        except BaseException:
            if slurm.job_id(attempt) is not None or not launcher.withdraw(attempt):
                held.record(attempt.root, f"{view.id} of {ws.root.name}")  # it runs all the same, or has run
            raise
        held.record(attempt.root, f"{view.id} of {ws.root.name}")
    return ws.experiment(view.id)


def closed_gates(ws: Workspace, experiment_id: str) -> list[gates.Gate]:
    """The gates that a launch would find closed now, and a reason would open. Raises CockpitError."""
    from cockpit.contract.recipe import Recipe

    view = ws.experiment(experiment_id)
    recipe = Recipe.load(ws.layout.experiment(view.id).draft)
    return gates.closed(ws, view, recipe, attempts.read_score(_baseline_attempt(ws), "mini_eval"))


def resume(
    ws: Workspace, experiment_id: str, *, step: int | None = None, say: Callable[[str], None] | None = None
) -> ExperimentView:
    """Go on from the newest whole checkpoint, or from that of `step`; `say` gets what the user must see to for that.

    Raises CockpitError, also for a run that came to its own end.
    """
    ws.refuse_moves()
    catch_up.before_move(ws)
    view = ws.experiment(experiment_id)
    if view.attempt is not None and view.attempt.state in ("finished", "early_stopped"):
        raise CockpitError(
            f"{view.id} came to its own end ({view.attempt.state}): there is nothing to go on with",
            "Make a new experiment, with a hypothesis of its own.",
        )
    attempt = settled(ws, experiment_id)
    if step is not None and attempts.is_live(observe.observe(attempt)):
        raise CockpitError(f"{view.id} runs, so it can't go back to step {step}", "Stop it first.")
    with rewinding.rewound(attempt, step, say=say) if step is not None else nullcontext():
        again(ws, experiment_id, attempt, resume=True)
    for stale in (attempt.sampled, attempt.sealed):  # of a checkpoint that may be the best no longer
        shutil.rmtree(stale, ignore_errors=True)
    return ws.experiment(experiment_id)


def stop(ws: Workspace, experiment_id: str, *, now: bool = False) -> str:
    """Ask the run to end with a checkpoint (or, `now`, without); gives the sentence that says what will happen."""
    ws.refuse_moves()
    attempt = _attempt(ws, experiment_id)
    elsewhere = slurm.job_id(attempt) is not None
    told = slurm.stop(attempt, now=now) if elsewhere else launcher.stop(attempt, now=now)
    catch_up.before_move(ws)  # afterwards: a log that can't be written is not to hold up a stop
    return told


def wait(ws: Workspace, experiment_id: str, tick: Tick, *, every_s: float = 0.5) -> ExperimentView:
    """Wait until the run has ended; `tick` gets the view each time. The verdict is in the log when it returns."""
    while True:
        view = ws.experiment(experiment_id)
        tick(view)
        if view.status != "running":
            break
        time.sleep(every_s)
    if view.attempt is not None:
        settled(ws, experiment_id)
    catch_up.catch_up(ws)
    return ws.experiment(experiment_id)


def decide(
    ws: Workspace,
    experiment_id: str,
    status: str,
    reason: str,
    *,
    although: str | None = None,
    say: Callable[[str], None] | None = None,
) -> ExperimentView:
    """Commit or discard, with the reason in the log, and what the numbers say beside it. Raises CockpitError.

    Before a commit held-out items are looked for by meaning, too; what comes of that, or why it could not be, `say`
    gets once.

    What a guardrail forbids is never committed, whatever the reason. Raises GateClosed for a commit that speaks
    against itself (a loss, an alarm), which `although`, a reason of its own, opens.
    """
    if not reason.strip():
        raise CockpitError("a decision needs its reason", "Give it in a line.")
    ws.refuse_moves()
    catch_up.before_move(ws)  # the decision stands below the verdict that it rests on
    against: list[str] = []
    meant: list[Entry] = []
    if status == "committed":
        meant = catch_up.of_meaning(ws, ws.experiment(experiment_id))
        against = _against_commit(ws, experiment_id)
        if against and not (although or "").strip():
            raise GateClosed(
                f"{ws.experiment(experiment_id).id} speaks against a commit: {'; also, '.join(against)}",
                "Discard it, or say why it is committed all the same (--although REASON).",
                closed=tuple(against),
                instead="Discard it.",
            )
    else:
        _refuse_to_orphan(ws, experiment_id)
    with methodlog_writer.held(ws) as add, _decided(ws, experiment_id, status, reason) as view:
        text = f"{status}{_worth(view)}: {reason}"
        why = "" if although == reason else f": {although}"
        text += f" (although {'; '.join(against)}{why})" if against else ""
        # The moment and the words: two decisions within one second are two lines.
        moment = f"{view.decision.time if view.decision else 0:.6f}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        add([Entry("decision", text, experiment=view.id, key=f"decision/{view.id}/{status}/{moment}")])
        new = [entry.text for entry in meant if add([entry])]
    for text in new:
        if say is not None:
            say(text)
    return view


@contextmanager
def _decided(ws: Workspace, experiment_id: str, status: str, reason: str) -> Generator[ExperimentView]:
    """Store the decision for a block that writes it down; if that raises, the one before counts again."""
    record: Any = atomic.read_json(ws.layout.experiment(ws.experiment(experiment_id).id).record)
    view = ws.decide(experiment_id, status, reason)
    try:
        yield view
    except BaseException:
        ws.update_record(view.id, {"decision": record.get("decision")})
        raise


def _against_commit(ws: Workspace, experiment_id: str) -> list[str]:
    """What speaks against a commit and a reason overrides: a loss, an alarm. Raises CockpitError for what none does."""
    from cockpit.services.rules import workspace_findings

    view = ws.experiment(experiment_id)
    found = workspace_findings.workspace_findings(ws, experiment_id, keep=True)
    for finding in found:
        if finding.severity == "block":
            raise CockpitError(f"{view.id} can't be committed: {finding.headline}", finding.next_step)
    lost = view.delta is not None and view.delta.kind == "lost"
    against = [f"it lost against its parent ({view.delta.short})"] if view.delta is not None and lost else []
    alarms = [f for f in found if f.severity == "alarm" and f.experiments == (view.id,)]
    return [*against, *(f"an alarm says: {finding.headline}" for finding in alarms)]


def _refuse_to_orphan(ws: Workspace, experiment_id: str) -> None:
    """Refuse to discard the baseline that others are measured against. Raises CockpitError."""
    view = ws.experiment(experiment_id)
    if view.technique == "baseline" and view.children:
        raise CockpitError(
            f"{view.id} is the baseline of {len(view.children)} experiment(s), among them {view.children[0]}: "
            "without it nothing says what they gained",
            "Keep it; where it was scored wrongly, score it anew with `cockpit score`.",
        )


def _worth(view: ExperimentView) -> str:
    """What the difference to the parent is worth: ties and noise by their names."""
    if view.delta is None:
        return ""
    named = {"gained": "a gain", "lost": "a loss", "level": "a tie", "too_few": "within the noise",
             "incomparable": "not comparable with its parent"}  # fmt: skip
    value = "" if view.delta.kind == "incomparable" else f", {view.delta.value:+.3f}"
    return f" ({named[view.delta.kind]}{value})"


def judge(ws: Workspace, experiment_id: str) -> ExperimentView:
    """Decide by the numbers alone: commit what gained on the parent outside the noise, discard the rest."""
    view = ws.experiment(experiment_id)
    if view.status != "evaluated" or view.delta is None:
        return view
    gained = view.delta.kind == "gained"
    return decide(
        ws, view.id, "committed" if gained else "discarded", view.delta.sentence, although="by the numbers"
    )


def findings_of(ws: Workspace, experiment_id: str) -> list[Finding]:
    """What the readings say of the experiment's latest run."""
    from cockpit.services.rules import run_findings

    attempt = ws.attempt_dir(experiment_id)
    return list(run_findings.for_attempt(attempt.root)) if attempt else []


def _attempt(ws: Workspace, experiment_id: str) -> AttemptLayout:
    attempt = ws.attempt_dir(ws.experiment(experiment_id).id)
    if attempt is None:
        raise CockpitError(
            f"{experiment_id} has not run yet", f"Start it with `cockpit launch {experiment_id}`."
        )
    return attempt


def settled(ws: Workspace, experiment_id: str) -> AttemptLayout:
    """The attempt, once a process that has reported its end has really gone: seconds, while it frees its memory."""
    attempt = _attempt(ws, experiment_id)
    if not attempts.is_live(observe.observe(attempt)) and attempt.process.exists():
        launcher.wait(attempt, CLOSING_S)
    return attempt


def again(
    ws: Workspace,
    experiment_id: str,
    attempt: AttemptLayout,
    *,
    resume: bool = False,
    module: str | None = None,
    arguments: Sequence[str] = (),
) -> None:
    """Start another process of an attempt that has its recipe (and so its GPUs) already."""
    from cockpit.contract.recipe import Recipe

    recipe = Recipe.load(attempt.recipe)
    with _room(recipe) as held:
        _start(attempt, recipe, resume=resume, module=module, arguments=arguments)
        held.record(attempt.root, f"{experiment_id} of {ws.root.name}")


def _room(recipe: Recipe, *, queued: bool = False) -> AbstractContextManager[gpu_leases.Held]:
    """GPUs of this box; on a cluster Slurm finds the room."""
    elsewhere = recipe.launcher == "slurm"
    return gpu_leases.hold(
        Need(0) if elsewhere else gpu_leases.need_of(recipe), queued=queued and not elsewhere
    )


def _start(
    attempt: AttemptLayout,
    recipe: Recipe,
    *,
    resume: bool = False,
    module: str | None = None,
    arguments: Sequence[str] = (),
) -> None:
    if recipe.launcher == "slurm":
        slurm.submit(attempt, recipe, resume=resume, module=module, arguments=arguments)
    else:
        launcher.launch(attempt, resume=resume, module=module, arguments=arguments)


def _baseline_attempt(ws: Workspace) -> AttemptLayout:
    return ws.attempt_dir(BASELINE_ID) or ws.layout.experiment(BASELINE_ID).attempt(1)


def draft_entries(recipe: Recipe) -> list[Entry]:
    id_ = recipe.experiment_id
    weights = f"LoRA r={recipe.peft.r}" if recipe.peft else "full weights"
    start = f", warm start from {recipe.model.warm_start_from}" if recipe.model.warm_start_from else ""
    technique = f"{recipe.technique}, {weights}, on {recipe.model.name_or_path}{start}"
    hypothesis = f". Hypothesis: {recipe.hypothesis}" if recipe.hypothesis else ""
    settings = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(recipe.trainer.items()))
    entries = [Entry("technique", technique + hypothesis, experiment=id_, key=f"technique/{id_}")]
    if recipe.data.train:
        digest = (recipe.data.train_hash or "")[:16]
        text = f"trains on {recipe.data.train} sha256:{digest}"
        key = f"dataset/{id_}/{digest}"
        entries.append(Entry("dataset", text, experiment=id_, key=key, file=recipe.data.train))
    if settings:
        entries.append(Entry("settings", settings, experiment=id_, key=f"settings/{id_}"))
    for field, reason in recipe.reasons.items():
        if field != "trainer.gradient_accumulation_steps":  # the batch's other half
            text = f"{field.removeprefix('trainer.')}: {reason}"
            entries.append(Entry("settings", text, experiment=id_, key=f"settings/{id_}/{field}"))
    return entries
