"""Write a checkpoint's adapter, or the base with it merged in, so that plain transformers and peft load it.

Template, generation config and end tokens travel along: what a server reads of them is what the run was scored with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from trainers.attempt.environment import quiet_environment
from trainers.exports import ollama
from trainers.model.generate import end_tokens
from trainers.model.loading import ADAPTER, base_of, hub_options, load_model, load_tokenizer, locate

SPARE = 1 << 20  # bytes for what lies beside the weights
_ADAPTER_FILES = (ADAPTER, "adapter_model.safetensors", "README.md")
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


def run(request: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Write `format` of `checkpoint` into `out`.

    `also`: bytes a parameter of what is made of it afterwards; `memory`: bytes that were free before it was loaded.
    """
    recipe = Recipe.load(Path(request["recipe"]))
    # What is merged is merged in full: a base of four bits has lost what the adapter is too fine for.
    model = recipe.model.model_copy(update={"load_in_4bit": False})
    recipe = recipe.model_copy(update={"model": model})
    quiet_environment(recipe)
    checkpoint, out = Path(request["checkpoint"]), Path(request["out"])
    base = (
        base_of(str(checkpoint), recipe) if (checkpoint / ADAPTER).is_file() else locate(model.name_or_path)
    )
    tokenizer = load_tokenizer(recipe, str(checkpoint))
    told: dict[str, Any] = {"base": base, "base_folder": _folder_of(recipe, base)}
    if request["format"] == "adapter":
        told["bytes"] = _copy_adapter(checkpoint, out)
    else:
        told |= _write_merged(recipe, checkpoint, base, out, request, stage)
    tokenizer.save_pretrained(out)
    told["ends"] = _write_generation(recipe, base, checkpoint, tokenizer, out)
    for name in _PROCESSOR_FILES:
        source = next((place / name for place in (checkpoint, Path(base)) if (place / name).is_file()), None)
        if source is not None:
            shutil.copyfile(source, out / name)
    told["template"] = ollama.template_of(tokenizer)
    told["has_template"] = tokenizer.chat_template is not None
    return told


def _folder_of(recipe: Recipe, base: str) -> str | None:
    """Where the base's files lie, in the hub's cache too; None where only its name is known."""
    if os.path.isdir(base):
        return base
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return snapshot_download(base, revision=recipe.model.revision, local_files_only=True)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError):
        return None


def _copy_adapter(checkpoint: Path, out: Path) -> int:
    files = [checkpoint / name for name in _ADAPTER_FILES[:2] if (checkpoint / name).is_file()]
    if len(files) < 2:
        raise CockpitError(
            "this checkpoint has no adapter: the run trained full weights",
            "Export it with --format merged.",
            file=checkpoint,
        )
    size = sum(file.stat().st_size for file in files)
    refuse_without_room(out, size)
    for file in files:
        shutil.copyfile(file, out / file.name)
    return size


def _write_merged(
    recipe: Recipe,
    checkpoint: Path,
    base: str,
    out: Path,
    request: dict[str, Any],
    stage: Callable[[str], None],
) -> dict[str, Any]:
    import torch

    stage("loading the weights")
    model: Any = load_model(recipe, training=False, checkpoint=str(checkpoint))
    parameters = sum(weight.numel() for weight in model.parameters())
    if hasattr(model, "merge_and_unload"):
        refuse_without_memory(parameters, request.get("memory"))
        stage("merging the adapter")
        try:
            # In float32: added to bfloat16 weights as they stand, most of a small change would be rounded away.
            model = model.float().merge_and_unload(safe_merge=True)
        except (ValueError, NotImplementedError) as error:
            raise CockpitError(
                f"the adapter can't be merged: {str(error)[:300]}",
                "Export it with --format adapter.",
                file=checkpoint,
            ) from error
    kind = _dtype_of(recipe, base) or torch.float32
    model = model.to(kind)
    parameters = sum(weight.numel() for weight in model.parameters())
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    refuse_without_room(out, size + round(float(request.get("also") or 0) * parameters))
    stage(f"writing {parameters:,} parameters as {str(kind).removeprefix('torch.')}")
    model.save_pretrained(out)
    return {"bytes": size, "parameters": parameters, "dtype": str(kind).removeprefix("torch.")}


def _dtype_of(recipe: Recipe, base: str) -> Any:
    """The kind of number that the base's weights are kept in."""
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(base, **hub_options(recipe, base))
    kind = getattr(config, "dtype", None) or getattr(getattr(config, "text_config", None), "dtype", None)
    return kind if hasattr(kind, "itemsize") else None


def _write_generation(recipe: Recipe, base: str, checkpoint: Path, tokenizer: Any, out: Path) -> list[str]:
    """Write the base's generation config, with every token that ends an answer; give these as text."""
    from transformers import GenerationConfig

    config: Any = None
    for place in (str(checkpoint), base):
        try:
            config = GenerationConfig.from_pretrained(place, **hub_options(recipe, place))
            break
        except (OSError, ValueError):
            continue
    config = config or GenerationConfig()
    ends = sorted(end_tokens(config, tokenizer))
    config.eos_token_id = ends if len(ends) > 1 else next(iter(ends), None)
    config.pad_token_id = tokenizer.pad_token_id
    config.save_pretrained(out)
    return [str(text) for text in tokenizer.convert_ids_to_tokens(ends)]


def refuse_without_memory(parameters: int, free: int | None) -> None:
    """Raise CockpitError where `free` bytes of memory can't take the parameters in float32, as they are merged."""
    size = 4 * parameters
    if free is not None and free < size:
        raise CockpitError(
            f"merging takes {size / 2**30:.2f} GiB of memory, and {free / 2**30:.2f} GiB are free",
            "End what else holds memory, merge on a larger machine, or say --format adapter: nothing is merged for it.",
        )


def refuse_without_room(out: Path, size: int) -> None:
    """Raise CockpitError where the disk below `out` has no room for `size` bytes."""
    free = shutil.disk_usage(out).free
    if free < size + SPARE:
        raise CockpitError(
            f"the export takes {size / 2**30:.2f} GiB, and the disk has {free / 2**30:.2f} GiB left",
            "Make room (`cockpit gc` frees checkpoints), or name a folder on another disk with --out.",
            file=os.fspath(out.parent),
        )
