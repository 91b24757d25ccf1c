"""The smoke run: ten examples through the whole pipeline in processes of its own, watched, judged and recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic, control
from cockpit.contract.bounded import children, untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event
from cockpit.contract.techniques import SAMPLING, rewards_by_verifier
from cockpit.core.methodlog import Entry
from cockpit.core.smoke.gate import judge
from cockpit.services.dataset import verifying
from cockpit.services.experiments import catch_up
from cockpit.services.recipe import guardrail
from cockpit.services.runs import attempts, launcher, observe
from cockpit.services.smoke import prepare, read
from cockpit.services.spotcheck import auto
from cockpit.services.system import spawn
from cockpit.services.workspace import methodlog_writer, smoke_verdict
from cockpit.services.workspace.smoke_verdict import Smoke
from cockpit.services.workspace.workspace import Workspace
from cockpit.verifiers import load as load_verifier

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

TRAIN_S = 60.0  # source text: about a minute
RENDER_S = 180.0
Tell = Callable[[str], None]


def run(ws: Workspace, experiment_id: str, *, tell: Tell = lambda _: None, train_s: float = TRAIN_S) -> Smoke:
    """Run it to its end, which takes about a minute beside loading. Raises CockpitError where it can't be started.

    An interrupt stops what was started.
    """
    from cockpit.contract.recipe import Recipe

    catch_up.before_move(ws)
    view = ws.experiment(experiment_id)
    layout = ws.layout.experiment(view.id)
    if view.technique in ("baseline", "custom"):
        raise CockpitError(
            f"{view.id} is {view.technique}: there is no recipe of ours to try out", "Launch it as it is."
        )
    running = smoke_verdict.latest(layout)
    if running is not None and attempts.is_live(observe.observe(running)):
        raise CockpitError(f"a smoke run of {view.id} is going on", "Wait for it.", file=running.root)
    recipe = Recipe.load(layout.draft)
    guardrail.check_data_unchanged(recipe)
    attempt = prepare.prepare(ws, recipe)
    began = time.monotonic()
    tell("comparing training prompts with scoring prompts, token by token")
    _render(attempt)
    if recipe.technique in SAMPLING and recipe.data.train is not None and rewards_by_verifier(recipe):
        tell("auditing the verifier on the data's own gold answers")
        _audit(attempt, recipe)
    auto.quietly(ws, view.id, tell)
    try:
        _pipeline(attempt, tell, train_s)
    except BaseException:
        _stop(attempt)
        raise
    return _conclude(ws, view.id, recipe, attempt, time.monotonic() - began)


def _pipeline(attempt: AttemptLayout, tell: Tell, train_s: float) -> None:
    """The recipe's own trainer, then the scorer where the trainer did not get to it."""
    tell("starting the trainer")
    try:
        launcher.launch(attempt, confirm_s=0.0)
    except CockpitError as error:
        if not attempt.process.exists():
            raise
        tell(str(error))
    _watch(attempt, tell, train_s)
    scored = (attempt.held_out / "score.json").exists()
    if not scored and attempts.ended_well(observe.observe(attempt)):
        newest = sorted(path.name for path in attempt.checkpoints.glob("step_*") if path.is_dir())
        if newest:
            launcher.wait(attempt, 30.0)
            launcher.launch(
                attempt, module="trainers.evaluate", arguments=["--checkpoint", newest[-1]], confirm_s=0.0
            )
            _watch(attempt, tell, None)


def _watch(attempt: AttemptLayout, tell: Tell, train_s: float | None) -> None:
    """Until the process has ended; asks it to stop once training took `train_s` seconds."""
    said, training_since, asked = "", 0.0, False
    while True:
        status = observe.observe(attempt)
        doing = status.doing or status.sentence
        stage = (last_event(attempt.events, "stage") or {}).get("name")
        if asked and stage == "training" and attempts.is_live(status):
            minutes = int((time.monotonic() - training_since) // 60)
            doing = f"It is in that step still, after {minutes} minutes of training" if minutes > 1 else said
        if doing != said:
            said = doing
            tell(said)
        if not attempts.is_live(status) and status.state != "queued":
            launcher.wait(attempt, 30.0)
            return
        if stage == "training" and not training_since:
            training_since = time.monotonic()
        if (
            train_s is not None
            and training_since
            and not asked
            and time.monotonic() - training_since > train_s
        ):
            asked = True
            control.request(attempt, "stop")
            said = f"{train_s:.0f} seconds of training are over: it ends the step it is in and writes a checkpoint"
            tell(said)
        time.sleep(0.2)


def _stop(attempt: AttemptLayout) -> None:
    try:
        launcher.stop(attempt, now=True)
    except CockpitError:
        return  # it had ended, or never began


def _render(attempt: AttemptLayout) -> None:
    """Training render against eval render, by the trainers' own code in an interpreter of its own; kept as a file."""
    recipe = cast("dict[str, Any]", atomic.read_json(attempt.recipe))
    request = attempt.root / "render_request.json"
    atomic.write_json(request, {"v": 1, "recipe": recipe, "rows": [], "items": [], "fact_items": [0]})
    token = f"smoke-{os.getpid()}"
    command = spawn.command(attempt.root, recipe, os.environ, token=token, module="trainers.spotcheck.render")
    argv = [*command.argv[:-1], str(request)]
    try:
        done = children.ask(argv, env=dict(command.env), cwd=command.cwd, seconds=RENDER_S)
        answer: Any = untrusted.parse(done.out or b"null")
    except (OSError, ValueError) as error:
        answer = {"skipped": f"{type(error).__name__}: {error}"[:300]}
    if not isinstance(answer, dict):
        answer = {"skipped": "the renderer gave no answer"}
    found = cast("dict[str, Any]", answer)
    kept = {
        "contexts": found.get("contexts"),
        "refused": found.get("refused"),
        "rendered": len(cast("list[object]", found.get("rows") or [])),
    }
    # What does not load here does not load in the trainer either, which names it as its own stage.
    skipped = found.get("skipped") or found.get("error")
    atomic.write_json(attempt.root / read.RENDER, {"skipped": skipped} if skipped else kept)


def _audit(attempt: AttemptLayout, recipe: Recipe) -> None:
    """Made-up right and wrong answers through the verifier that rewards; kept as a file."""
    try:
        found = verifying.audit_file(
            load_verifier(recipe.verifier), str(recipe.data.train), columns=recipe.data.columns
        ).as_dict()
    except CockpitError as error:
        found = {"skipped": str(error)}  # rows that can't be used are the trainer's to name
    atomic.write_json(attempt.root / read.AUDIT, found)


def _conclude(
    ws: Workspace, experiment_id: str, recipe: Recipe, attempt: AttemptLayout, seconds: float
) -> Smoke:
    facts = read.facts(attempt)
    verdict = judge(facts)
    values = {
        "v": 1,
        **verdict.as_dict(),
        "recipe": smoke_verdict.fingerprint(recipe),
        "step_time": facts.step_time,
        "batch_time": facts.batch_time,
        "steps": facts.steps,
        "seconds": round(seconds, 1),
        "peak_bytes": facts.peak_bytes,
        "base_pass_rate": facts.rollouts_passed / facts.rollouts if facts.rollouts else None,
        "rollouts": facts.rollouts,
        "folder": str(attempt.root),
        "time": ws.clock(),
    }
    atomic.write_json(attempt.root / smoke_verdict.VERDICT, values)
    ws.update_record(experiment_id, {"smoke": values})
    colour = "green" if verdict.green else f"red at {verdict.stage}"
    key = f"smoke/{experiment_id}/{attempt.root.name}"
    text = f"{colour}: {verdict.headline}" + (f" Next: {verdict.fix}" if verdict.fix else "")
    methodlog_writer.record(ws, [Entry("smoke", text, experiment=experiment_id, key=key)])
    return Smoke(verdict, attempt.root, facts.step_time, facts.batch_time, seconds, facts.peak_bytes, True)
