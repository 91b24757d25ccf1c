"""GRPO (LoRA) on the serverless service of OpenPipe's ART, through its own SDK: weights and gradients are there.

    cockpit env add art
    WANDB_API_KEY=… cockpit new custom --command ".cockpit/cache/envs/art/bin/python -m trainers.art_grpo" \\
        num_generations=8 learning_rate=5e-6

An environment of its own, because the SDK's pins clash with the trackers' (extra: `finetune-cockpit[art]`). Prompts
are rendered and answered there, rewards and mid-evals judged here by the verifier. `ART_BASE_URL` names another
backend, WANDB_PROJECT and WANDB_ENTITY where the models go. Tested against a stand-in of the service's HTTP interface,
not against the service.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import math
import os
import statistics
import sys
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

from cockpit.contract import CockpitError
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.attempt.signals import Stopped
from trainers.data import freshness
from trainers.data.items import Item, Lacking, each_item, refuse_unseen, told_apart
from trainers.data.overlap import training_rows
from trainers.data.prompts import plain, template_switches, with_system
from trainers.loop.frame import run
from trainers.loop.progress import Progress, interval
from trainers.report import remote
from trainers.rollouts.rewards import Rewards, reward_functions
from trainers.rollouts.sampling import SAMPLE_ROWS, due
from trainers.scoring.scoring import Scored, judged, load_slice, total

T = TypeVar("T")
SIDE_BY_SIDE = 32
"""Answers asked for at a time."""
LOOK_S = 0.25
"""Seconds between two looks at whether the run was asked to stop, while the service works."""
PASSED_ON = ("learning_rate", "epsilon", "epsilon_high")
USED = {*PASSED_ON, "num_generations", "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps",
        "num_train_epochs", "temperature", "max_completion_length", "scale_rewards"}  # fmt: skip


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    sdk, key = client(attempt)
    return asyncio.run(Run(attempt, sdk, key).train_to_end())


def client(attempt: Attempt) -> tuple[Any, str]:
    """ART's SDK and the key of its service. Raises CockpitError where one of them is missing.

    The key leaves the environment: with it there the SDK reports to a W&B run of its own, which nobody asked for.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import asks GitHub for prices
    try:
        art: Any = importlib.import_module("art")
        importlib.import_module(
            "wandb"
        )  # wanted at the end of every step, though its metadata does not say so
    except ImportError as error:
        fix = "`cockpit env add art` makes an environment; run the trainer with that one's interpreter."
        raise CockpitError(f"ART's SDK is not installed here ({error})", fix) from error
    key = os.environ.pop("WANDB_API_KEY", "")  # after the import, which reads .env
    if not key:
        raise CockpitError("there is no key for ART's service", "Set WANDB_API_KEY in the environment.")
    attempt.facts["framework"] = f"openpipe-art {importlib.metadata.version('openpipe-art')}"
    return art, key


@dataclass(frozen=True)
class Plan:
    """`prompts` a step, `group` answers to each; a mid-eval every `every` steps."""

    steps: int
    prompts: int
    group: int
    every: int


def plan(attempt: Attempt, count: int) -> Plan:
    """The recipe's numbers, by TRL's names. Raises CockpitError where they make no groups."""
    given: dict[str, Any] = dict(attempt.recipe.trainer)
    group = int(given.get("num_generations") or 8)
    size = int(given.get("per_device_train_batch_size") or 4 * group)
    size *= int(given.get("gradient_accumulation_steps") or 1)
    if group < 2 or size % group:
        raise CockpitError(
            f"{size} answers a step make no groups of {group}",
            "Batch times accumulation must divide by num_generations, which is 2 or more.",
        )
    if unused := sorted(set(given) - USED):
        attempt.notice(f"ART's service has no use for {', '.join(unused)}.", "warning")
    per_epoch = math.ceil(count * group / size)
    steps = int(given.get("max_steps") or -1)
    steps = steps if steps > 0 else math.ceil(per_epoch * float(given.get("num_train_epochs") or 1))
    return Plan(steps, size // group, group, interval(attempt.recipe.mid_eval, per_epoch))


class Run:
    """One run. `at`: the step that the service's weights stand at; `kept`: that step at each mid-eval;
    `mean`: the newest batch's mean reward."""

    def __init__(self, attempt: Attempt, sdk: Any, key: str) -> None:
        self.attempt, self.recipe, self.sdk = attempt, attempt.recipe, sdk
        self.items = train_items(attempt)
        self.mini, self.verifier = load_slice(attempt, "mini_eval")
        self.plan = plan(attempt, len(self.items))
        self.rewards = rewards_of(attempt, self.items)
        self.progress = Progress(attempt)
        self.progress.state.planned = math.ceil(self.plan.steps / self.plan.every)
        self.gate = asyncio.Semaphore(SIDE_BY_SIDE)
        # A name that was never used: registering an old one would go on with its weights, unasked.
        self.model: Any = sdk.TrainableModel(
            name=f"{self.recipe.experiment_id}-{self.recipe.attempt:03d}-{uuid.uuid4().hex[:8]}",
            project=os.environ.get("WANDB_PROJECT") or "finetune-cockpit",
            entity=os.environ.get("WANDB_ENTITY"),
            base_model=self.recipe.model.name_or_path,
            base_path=str(attempt.layout.root / "art"),
        )
        self.backend: Any = sdk.ServerlessBackend(api_key=key, base_url=os.environ.get("ART_BASE_URL"))
        self.at, self.kept = 0, dict[int, int]()
        self.step, self.mean = 0, 0.0

    async def train_to_end(self) -> Ending:
        try:
            self.attempt.stage("loading", self.recipe.model.name_or_path)
            await self.heeding(self.model.register(self.backend))
            self.attempt.notice(f"The service keeps the weights as {self.model.get_inference_name()}.")
            self.attempt.stage("training")
            chosen = remote.batches(
                range(len(self.items)), self.plan.prompts, self.plan.steps, self.recipe.seed
            )
            for step, indexes in enumerate(chosen, 1):
                await self.one_step(step, indexes)
                if self.progress.state.early_stopped:
                    break
            return await self.finish()
        except Stopped:
            return self.stopped()
        finally:
            await self.backend.close()

    async def one_step(self, step: int, indexes: list[int]) -> None:
        """Roll out, reward, train; then the mid-eval where it is due."""
        began = time.perf_counter()
        groups = await self.heeding(self.roll_out(step, indexes))
        given: dict[str, Any] = dict(self.recipe.trainer)
        more = {name: float(given[name]) for name in PASSED_ON if given.get(name) is not None}
        if "scale_rewards" in given:
            more["scale_rewards"] = given["scale_rewards"] not in (False, "none")
        measured: dict[str, float] = {}
        if groups:
            done = await self.heeding(self.backend.train(self.model, groups, **more))
            self.at, measured = done.step, done.metrics
        values = {"step_time": time.perf_counter() - began, "lr": more.get("learning_rate", 5e-6)}
        names = {
            "loss": "loss/train",
            "kl": "loss/kl_div",
            "entropy": "loss/entropy",
            "grad_norm": "loss/grad_norm",
        }
        values |= {ours: measured[theirs] for ours, theirs in names.items() if theirs in measured}
        self.attempt.out.metrics(step, values)
        learnt = f"loss {values['loss']:.4g}" if "loss" in values else "no group with a spread to learn from"
        print(f"step {step}/{self.plan.steps}  reward {self.mean:.3g}  {learnt}", flush=True)
        self.step = step
        scheduled = step == self.plan.steps or step % self.plan.every == 0
        if scheduled or any(request.name == "evaluate" for request in self.progress.asked):
            await self.evaluate(step, scheduled=scheduled)
        for request in self.progress.asked:
            request.done()  # whoever asks for a checkpoint has one: the service keeps every step

    async def roll_out(self, step: int, indexes: list[int]) -> list[Any]:
        """The groups to learn from: those whose answers were not all worth the same."""
        how = dict(self.recipe.trainer)
        asked = [self.ask(self.items[i], how) for i in indexes for _ in range(self.plan.group)]
        said: list[Any] = await asyncio.gather(*asked, return_exceptions=True)
        failed = [one for one in said if isinstance(one, BaseException)]
        if len(failed) == len(said):
            raise failed[0]
        whose = [(group, i) for group, i in enumerate(indexes) for _ in range(self.plan.group)]
        known = [
            (*of, one) for of, one in zip(whose, said, strict=True) if not isinstance(one, BaseException)
        ]
        worth = reward(
            self.rewards, [index for _, index, _ in known], [text_of(one) for _, _, one in known], step
        )
        rows: list[dict[str, Any]] = []
        groups: list[Any] = []
        for number in range(len(indexes)):
            mine = [at for at, (group, _, _) in enumerate(known) if group == number]
            values = [worth.totals[at] for at in mine]
            rows += [self.row(step, known[at][1], worth, at, values) for at in mine]
            if len(set(values)) > 1:
                groups.append(self.group(known[mine[0]][1], [known[at][2] for at in mine], values))
        self.report(step, rows, worth, len(failed), len(indexes) - len(groups))
        return groups

    def group(self, index: int, choices: list[Any], values: list[float]) -> Any:
        """One prompt's answers with their rewards, as the SDK takes them."""
        asked, at = messages(self.items[index], self.recipe), self.at
        return self.sdk.TrajectoryGroup(
            [
                self.sdk.Trajectory(
                    messages_and_choices=[*asked, choice], reward=value, initial_policy_version=at,
                    final_policy_version=at,
                )
                for choice, value in zip(choices, values, strict=True)
            ],
            metadata={"scenario_id": self.items[index].id},
        )  # fmt: skip

    def row(self, step: int, index: int, worth: Worth, at: int, group: list[float]) -> dict[str, Any]:
        mean, spread = statistics.fmean(group), statistics.pstdev(group)
        item = self.items[index]
        row = {
            "item": item.id, "split": "train", "step": step, "prompt": plain(item.prompt, self.recipe),
            "rewards": {name: values[at] for name, values in worth.parts.items()}, "group": item.id,
            "group_mean": round(mean, 4), "group_std": round(spread, 4),
            "advantage": round((worth.totals[at] - mean) / (spread + 1e-4), 4), "kept": spread > 0,
            "policy_id": freshness.policy_id(self.attempt, step - 1), "age": 0,
        }  # fmt: skip
        return row | worth.found[at]

    def report(self, step: int, rows: list[dict[str, Any]], worth: Worth, failed: int, flat: int) -> None:
        """The rollouts' numbers, by TRL's names, and now and then the rollouts themselves."""
        self.mean = statistics.fmean(worth.totals)
        spreads = {row["group"]: row["group_std"] for row in rows}
        values = {
            "reward": self.mean,
            "reward_std": statistics.fmean(spreads.values()),
            "frac_reward_zero_std": flat / self.plan.prompts,
            "parsed": sum(row["parsed"] is not None for row in rows) / len(rows),
            "samples/age": 0.0,
        }
        for name, part in worth.parts.items():
            known = [value for value in part if value is not None]
            values |= {f"rewards/{name}/mean": statistics.fmean(known)} if known else {}
            values |= {f"rewards/{name}/std": statistics.pstdev(known)} if known else {}
        self.attempt.out.metrics(step, values)
        if failed:
            self.attempt.notice(f"{failed} of {failed + len(rows)} answers failed at step {step}.", "warning")
        if due(step, self.plan.steps):
            self.attempt.out.samples(step, "train", rows[:SAMPLE_ROWS])

    async def ask(
        self, item: Item, how: dict[str, Any], *, seed: int | None = None, at: int | None = None
    ) -> Any:
        """One answer of the weights of step `at` (None: the newest), as the choice that the SDK trains on."""
        given, switches = self.recipe.generation, template_switches(self.recipe)
        temperature = how.get("temperature")
        async with self.gate:
            made = await self.model.openai_client().chat.completions.create(
                model=self.model.get_inference_name(at),
                messages=messages(item, self.recipe),
                max_tokens=int(how.get("max_completion_length") or given.max_new_tokens),
                temperature=1.0 if temperature is None else float(temperature),
                logprobs=True,
                **({} if seed is None else {"seed": seed, "top_p": given.top_p}),
                **({"extra_body": {"chat_template_kwargs": switches}} if switches else {}),
            )
        return made.choices[0]

    async def evaluate(self, step: int, *, scheduled: bool) -> None:
        self.attempt.stage("evaluating", f"mini-eval at step {step}")
        self.kept[step] = self.at
        scored = await self.heeding(self.score(self.mini, step, "eval", None))
        best = self.progress.judge(scored, step, scheduled=scheduled)
        self.progress.report(step, None, best, scored)
        self.attempt.stage("training", f"step {step}")

    async def score(self, items: list[Item], step: int, split: str, at: int | None) -> Scored:
        """Every item answered there and judged here."""
        how = {"temperature": self.recipe.generation.temperature}
        choices = await asyncio.gather(*(self.ask(item, how, seed=self.recipe.seed, at=at) for item in items))
        rows = [
            {"item": item.id, "split": split, "step": step, "prompt": plain(item.prompt, self.recipe)}
            | judged(self.verifier, item, text_of(choice))
            | {"tokens": len(content_of(choice)) or None, "truncated": choice.finish_reason == "length"}
            for item, choice in zip(items, choices, strict=True)
        ]
        return total(rows)

    async def finish(self) -> Ending:
        """The held-out pass on the best step's weights."""
        state = self.progress.state
        best = state.best_step or self.step
        items, verifier = load_slice(self.attempt, "held_out")
        self.attempt.stage("evaluating", f"held-out set, {len(items)} items")
        at = None if self.kept[best] == self.at else self.kept[best]
        scored = await self.heeding(self.score(items, best, "held_out", at))
        place = self.model.get_inference_name(self.kept[best])
        remote.held_out(self.attempt, items, scored, verifier, place)
        facts: dict[str, Any] = {"step": self.step, "best_step": best, "best_score": state.best_score}
        if state.early_stopped:
            return Ending("early_stopped", state.stop_reason, **facts)
        return Ending(
            "finished", f"All {self.step} steps are done; the best weights are at {place}.", **facts
        )

    def stopped(self) -> Ending:
        """What a stop leaves: every whole step's weights are on the service; there is no held-out pass."""
        state, why = self.progress.state, self.attempt.stop.reason
        reason = f"{why}; not scored on the held-out set."
        if self.at:
            reason += f" The weights are at {self.model.get_inference_name(self.at)}."
        return Ending("stopped", reason, self.step, state.best_step, state.best_score)

    async def heeding(self, work: Coroutine[Any, Any, T]) -> T:
        """`work`'s result. Raises Stopped, and gives the work up, where the run is asked to stop meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK_S)
                self.progress.poll()
                if self.attempt.stop:
                    raise Stopped
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=5)


@dataclass(frozen=True)
class Worth:
    """What a batch of answers is worth: weighted `totals`, each function's `parts`, and the verifier's view."""

    totals: list[float]
    parts: dict[str, list[float | None]]
    found: list[dict[str, Any]]


def reward(rewards: Rewards, indexes: list[int], texts: list[str], step: int) -> Worth:
    """The recipe's reward functions over a batch, asked as TRL asks them."""
    items = rewards.judge.items
    given: dict[str, Any] = {
        "prompts": [items[i].prompt for i in indexes], "completions": texts, "item": indexes,
        "trainer_state": SimpleNamespace(global_step=step - 1),
    }  # fmt: skip
    parts = {name: f(**given) for name, f in zip(rewards.names, rewards.functions, strict=True)}
    weighted = list(zip(parts.values(), rewards.weights, strict=True))
    totals = [sum(w * (values[at] or 0.0) for values, w in weighted) for at in range(len(texts))]
    return Worth(totals, parts, rewards.judge.found)


def rewards_of(attempt: Attempt, items: list[Item]) -> Rewards:
    if learnt := [part.source for part in attempt.recipe.rewards if part.source.startswith("model:")]:
        raise CockpitError(
            f"the reward {learnt[0]!r} can't be used here", "Use the verifier, format or module:function."
        )
    return reward_functions(attempt, items, None)


def train_items(attempt: Attempt) -> list[Item]:
    """The prompts to train on, after the guardrail. Raises CockpitError."""
    recipe = attempt.recipe
    lacking, file = Lacking(), recipe.data.train
    rows = training_rows(recipe)
    numbered = list(each_item(rows, recipe.data.columns, lacking, name="training data", file=file))
    if not numbered:
        raise lacking.error("training data", file)
    if said := lacking.notice(len(rows)):
        attempt.notice(said, "warning")
    refuse_unseen(numbered, recipe, file)
    return told_apart([item for _, item in numbered])


def messages(item: Item, recipe: Any) -> list[dict[str, str]]:
    return with_system(item.prompt, recipe)


def text_of(choice: Any) -> str:
    return choice.message.content or ""


def content_of(choice: Any) -> list[Any]:
    """The answer's tokens, where the service tells them."""
    return (choice.logprobs.content if choice.logprobs else None) or []


if __name__ == "__main__":
    sys.exit(run("custom", train))
