"""Supervised fine-tuning (LoRA) on Tinker's service, through its own SDK: the gradients are made there, not here.

    TINKER_API_KEY=… cockpit new custom --command "python -m trainers.tinker_sft" peft.r=32 learning_rate=1e-4

Extra: `pip install 'finetune-cockpit[tinker]'`. The tokenizer is loaded here, by the base model's name; mid-evals and
the held-out pass sample from the weights saved there and judge with the verifier here. Tested against a stand-in of
the service's HTTP interface, not against the service.
"""

from __future__ import annotations

import importlib
import math
import sys
import time
from typing import Any

from cockpit.contract import CockpitError
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run
from trainers.report import remote

WAIT_S = 3600.0
"""Seconds that one answer of the service may take: it queues requests when it is busy."""


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    tinker = sdk()
    from trainers.data.demonstrations import sft_dataset
    from trainers.data.overlap import training_rows
    from trainers.data.selection import learnable
    from trainers.loop.progress import Progress, interval
    from trainers.model import loading
    from trainers.scoring.scoring import load_slice

    recipe = attempt.recipe
    given: dict[str, Any] = dict(recipe.trainer)
    attempt.stage("loading", recipe.model.name_or_path)
    tokenizer = loading.load_tokenizer(recipe)
    rows, _ = sft_dataset(learnable(training_rows(recipe), attempt), attempt, tokenizer)
    items, verifier = load_slice(attempt, "mini_eval")
    attempt.stage("tokenizing", f"{len(rows)} examples")
    data = [d for row in rows if (d := datum(tokenizer, row, int(given.get("max_length") or 1024)))]
    if not data:
        raise CockpitError("no example has an answer within max_length tokens", "Raise max_length.")

    service = tinker.ServiceClient(user_metadata={"experiment": recipe.experiment_id})
    rank = recipe.peft.r if recipe.peft else 32
    base: Any = service.create_lora_training_client(recipe.model.name_or_path, rank=rank, seed=recipe.seed)
    client = base.result(timeout=WAIT_S)

    batch = int(given.get("per_device_train_batch_size") or 8)
    per_epoch = math.ceil(len(data) / batch)
    steps = int(given.get("max_steps") or -1)
    steps = steps if steps > 0 else math.ceil(per_epoch * float(given.get("num_train_epochs") or 1))
    every = interval(recipe.mid_eval, per_epoch)
    adam = tinker.types.AdamParams(learning_rate=float(given.get("learning_rate") or 1e-4))
    progress, paths = Progress(attempt), dict[int, str]()
    progress.state.planned = math.ceil(steps / every)
    attempt.facts["framework"] = f"tinker {tinker.__version__}"

    attempt.stage("training")
    step = 0
    for step, chosen in enumerate(remote.batches(data, batch, steps, recipe.seed), 1):
        began = time.perf_counter()
        forward, update = client.forward_backward(chosen, "cross_entropy"), client.optim_step(adam)
        loss = loss_of(forward.result(timeout=WAIT_S), chosen)
        update.result(timeout=WAIT_S)
        row = {"loss": loss, "lr": adam.learning_rate, "step_time": time.perf_counter() - began}
        attempt.out.metrics(step, row)
        print(f"step {step}/{steps}  loss {loss:.4g}", flush=True)
        progress.poll()
        if attempt.stop:
            break
        if step % every == 0 or step == steps:
            paths[step] = save(client, step)
            scored = score(attempt, service, paths[step], tokenizer, items, verifier, step, "eval")
            best = progress.judge(scored, step, scheduled=True)
            progress.report(step, None, best, scored)
            if progress.state.early_stopped:
                break
            attempt.stage("training", f"step {step}")
    return finish(attempt, service, client, tokenizer, progress.state, paths, step)


def sdk() -> Any:
    """Tinker's SDK, an extra. Raises CockpitError where it is not installed."""
    try:
        return importlib.import_module("tinker")
    except ImportError as error:
        raise CockpitError(
            "Tinker's SDK is not installed", "pip install 'finetune-cockpit[tinker]'."
        ) from error


def finish(
    attempt: Attempt, service: Any, client: Any, tokenizer: Any, state: Any, paths: dict[int, str], step: int
) -> Ending:
    """The held-out pass on the best weights; after a stop, the state on the service to go on from."""
    from trainers.scoring.scoring import load_slice

    facts: dict[str, Any] = {"step": step, "best_step": state.best_step, "best_score": state.best_score}
    if attempt.stop:
        kept = client.save_state(f"{attempt.recipe.experiment_id}-stop-{step}").result(timeout=WAIT_S)
        reason = f"{attempt.stop.reason}; the weights are at {kept.path}."
        return Ending("stopped", reason, **facts)
    place = paths[state.best_step]
    items, verifier = load_slice(attempt, "held_out")
    attempt.stage("evaluating", f"held-out set, {len(items)} items")
    scored = score(attempt, service, place, tokenizer, items, verifier, state.best_step, "held_out")
    remote.held_out(attempt, items, scored, verifier, place)
    if state.early_stopped:
        return Ending("early_stopped", state.stop_reason, **facts)
    return Ending("finished", f"All {step} steps are done; the best weights are at {place}.", **facts)


def datum(tokenizer: Any, row: dict[str, Any], longest: int) -> Any | None:
    """One row as Tinker takes it: each token is to say the next; weight 1 where the assistant speaks.

    None where nothing to learn is left within `longest` tokens.
    """
    tinker = sdk()
    ids, mask = tokens(tokenizer, row)
    ids, mask = ids[: longest + 1], mask[: longest + 1]
    if len(ids) < 2 or not any(mask[1:]):
        return None
    inputs: Any = {"target_tokens": ids[1:], "weights": [float(bit) for bit in mask[1:]]}
    return tinker.types.Datum(model_input=tinker.types.ModelInput.from_ints(ids[:-1]), loss_fn_inputs=inputs)


def tokens(tokenizer: Any, row: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Token ids of a whole row, and 1 for those that are learned from."""
    switches = row.get("chat_template_kwargs", {})
    if "messages" in row:
        made = tokenizer.apply_chat_template(
            row["messages"], return_dict=True, return_assistant_tokens_mask=True, **switches
        )
        return list(made["input_ids"]), list(made["assistant_masks"])
    if "text" in row:
        ids = list(tokenizer(row["text"])["input_ids"])
        return ids, [1] * len(ids)
    if isinstance(row["completion"], str):
        head, whole = row["prompt"], row["prompt"] + row["completion"] + tokenizer.eos_token
    else:
        head = tokenizer.apply_chat_template(
            row["prompt"], tokenize=False, add_generation_prompt=True, **switches
        )
        whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False, **switches)
    first = tokenizer(head, add_special_tokens=isinstance(row["completion"], str))["input_ids"]
    ids = list(tokenizer(whole, add_special_tokens=isinstance(row["completion"], str))["input_ids"])
    same = next((at for at, (a, b) in enumerate(zip(first, ids, strict=False)) if a != b), len(first))
    return ids, [0] * same + [1] * (len(ids) - same)


def loss_of(output: Any, chosen: list[Any]) -> float:
    """Mean cross entropy (nats) over the tokens that are learned from."""
    total = weight = 0.0
    for answer, sent in zip(output.loss_fn_outputs, chosen, strict=True):
        logprobs = answer["logprobs"].to_numpy()
        weights = sent.loss_fn_inputs["weights"].to_numpy()
        total -= float((logprobs * weights).sum())
        weight += float(weights.sum())
    return total / max(weight, 1.0)


def save(client: Any, step: int) -> str:
    """Keep the weights on the service, ready to be sampled from; gives their `tinker://` path."""
    return client.save_weights_for_sampler(f"step-{step:06d}").result(timeout=WAIT_S).path


def score(
    attempt: Attempt,
    service: Any,
    path: str,
    tokenizer: Any,
    items: list[Any],
    verifier: Any,
    step: int,
    split: str,
) -> Any:
    """Sample an answer for each item there, judge it here. Raises Stopped between items."""
    from trainers.attempt.signals import Stopped
    from trainers.data.prompts import prompt_text
    from trainers.scoring.scoring import judged, total

    tinker, recipe = sdk(), attempt.recipe
    made: Any = service.create_sampling_client(model_path=path)
    sampler = made.result(timeout=WAIT_S)
    how = tinker.types.SamplingParams(
        max_tokens=recipe.generation.max_new_tokens,
        temperature=recipe.generation.temperature,
        top_p=recipe.generation.top_p,
        seed=recipe.seed,
        stop=[tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else None,
    )
    prompts = [prompt_text(tokenizer, item.prompt, recipe, item.tools) for item in items]
    asked = [
        sampler.sample(
            tinker.types.ModelInput.from_ints(tokenizer(text, add_special_tokens=False)["input_ids"]), 1, how
        )
        for text in prompts
    ]
    rows: list[dict[str, Any]] = []
    for item, prompt, future in zip(items, prompts, asked, strict=True):
        if attempt.stop:
            raise Stopped
        (said,) = future.result(timeout=WAIT_S).sequences
        text = tokenizer.decode(list(said.tokens), skip_special_tokens=True)
        row = {"item": item.id, "split": split, "step": step, "prompt": prompt} | judged(verifier, item, text)
        rows.append(row | {"tokens": len(said.tokens), "truncated": said.stop_reason == "length"})
    return total(rows)


if __name__ == "__main__":
    sys.exit(run("custom", train))
