"""Tokenizer, model and adapter from a folder or the hub, set up for training or for scoring.

For training means: the whole model pinned to the device it trains on, `use_cache` off, dropout as configured.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.atomic import read_json
from cockpit.contract.network import hub
from trainers.attempt import cache
from trainers.attempt.ending import blame
from trainers.model import new_tokens, targets

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER = "adapter_config.json"
MERGED = "merged_base"
"""In an attempt's folder: the base with the adapter of the warm start in it."""


def device() -> str:
    """`cuda:N` of this process, or `cpu`."""
    import torch

    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def locate(name: str) -> str:
    """An absolute folder for a local model, else the hub id as it is. Raises CockpitError for a bad folder.

    Absolute, because an adapter records its base as given and is loaded from other folders later.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / ADAPTER).is_file():
            held = ", ".join(sorted(entry.name for entry in path.iterdir())[:6]) or "nothing"
            raise CockpitError(
                f"this folder is not a model: it has no config.json (it holds {held})",
                "Give the folder that save_pretrained wrote, or a hub id.",
                file=path,
            )
        return str(path.resolve())
    if not hub.is_id(name):
        raise CockpitError(
            "there is no such model folder", "Correct model.name_or_path, or give a hub id.", file=name
        )
    return name


def load_tokenizer(recipe: Recipe, folder: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of `folder` (a checkpoint, which carries its own) or of the recipe's model; it can pad."""
    from transformers import AutoTokenizer

    source = folder or recipe.model.warm_start or recipe.model.name_or_path
    place = locate(source)
    if not _has_tokenizer(place):
        place = locate(recipe.model.name_or_path)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(place, **hub_options(recipe, place))
    except (OSError, ValueError, KeyError) as error:
        raise cannot_load("tokenizer", place, error) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(recipe: Recipe, *, training: bool, checkpoint: str | None = None) -> PreTrainedModel:
    """The model to train or to score. Raises CockpitError where it can't be loaded.

    `checkpoint` (an adapter or full weights) wins over the recipe's warm start, which wins over the base.
    """
    source = checkpoint or recipe.model.warm_start
    place = locate(source) if source else locate(recipe.model.name_or_path)
    if not (Path(place) / ADAPTER).is_file():
        model = _load(place, recipe, training=training)
    elif training and recipe.model.adapter == "merge" and recipe.peft is not None:
        model = _load(merged_base(place, recipe), recipe, training=True)
    else:
        base = _load(base_of(place, recipe), recipe, training=training)
        model = _adapted(base, place, recipe, training=training)
    if training:
        model.config.use_cache = False
        model.train()
    else:
        model.eval()
    return model


def load_scorer(
    recipe: Recipe, tokenizer: Any, *, training: bool, checkpoint: str | None = None
) -> PreTrainedModel:
    """A model that gives a sequence one number (a reward model). Raises CockpitError where it can't be loaded.

    From the base its head is new, seeded; `checkpoint` or the recipe's warm start bring their own. An adapter is
    merged unless it is trained on.
    """
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.set_verbosity_error()  # a new head is what is wanted, not a fault to report in a table
    torch.manual_seed(recipe.seed)
    source = checkpoint or recipe.model.warm_start
    place = locate(source) if source else locate(recipe.model.name_or_path)
    adapter = (Path(place) / ADAPTER).is_file()
    whole = base_of(place, recipe) if adapter else place
    model: Any = _load(
        whole, recipe, training=training, kind=AutoModelForSequenceClassification, num_labels=1
    )
    if adapter:
        model = _adapted(model, place, recipe, training=training)
        if not training:
            model = model.merge_and_unload()
    model.config.pad_token_id = tokenizer.pad_token_id
    if training:
        model.config.use_cache = False
        model.train()
    else:
        model.eval()
    return model


def base_of(adapter: str, recipe: Recipe) -> str:
    """The model that `adapter` was trained on, as it records it; the recipe's where that is gone or unknown."""
    recorded = (read_json(Path(adapter) / ADAPTER) or {}).get("base_model_name_or_path")
    if not isinstance(recorded, str) or not recorded:
        return locate(recipe.model.name_or_path)
    if os.path.isabs(recorded) and not os.path.isdir(recorded):
        moved = Path(adapter).resolve().parent.parent / MERGED  # the whole workspace may have moved
        return str(moved) if Path(recorded).name == MERGED else locate(recipe.model.name_or_path)
    return locate(recorded)


def merged_base(adapter: str, recipe: Recipe) -> str:
    """A folder of this attempt with `adapter` merged into its base: what the new adapter is on top of.

    On the disk, and not in memory alone, so that the new adapter loads in plain peft. Made once, whole or not at all;
    its files are those of the workspace's cache (hard links, where the disk has them), so that siblings share them.
    """
    target = Path(os.environ["COCKPIT_ATTEMPT_DIR"]) / MERGED
    while os.environ.get("RANK", "0") != "0" and not target.is_dir():
        time.sleep(0.5)  # rank 0 makes it; should it fail, the launcher ends us
    if target.is_dir():
        return str(target)
    fresh = target.with_name(f".{MERGED}.{os.getpid()}")
    parts = _merge_parts(adapter, recipe)
    where = cache.root(target.parent)
    try:
        if parts is None:
            _merge(adapter, recipe, fresh)
        else:
            cache.cached(
                where, "adapters", parts,
                build=lambda: _merge(adapter, recipe, fresh),
                save=lambda _, folder: _link(fresh, folder),
                load=lambda folder: _link(folder, fresh),
            )  # fmt: skip
        os.replace(fresh, target)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("adapter", adapter, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return str(target)


def _merge(adapter: str, recipe: Recipe, folder: Path) -> None:
    from peft import PeftModel
    from transformers import AutoTokenizer

    base: Any = _load(base_of(adapter, recipe), recipe, training=True)
    new_tokens.grow(base, adapter, lambda place: load_tokenizer(recipe, place))
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder)
    AutoTokenizer.from_pretrained(adapter).save_pretrained(folder)


def _merge_parts(adapter: str, recipe: Recipe) -> dict[str, Any] | None:
    """What the merged weights depend on; None for a base that is known by a hub's name alone."""
    base = base_of(adapter, recipe)
    if not os.path.isdir(base) or not os.path.isdir(adapter):
        return None
    return {
        "adapter": _contents(Path(adapter)),
        "base": _contents(Path(base)),
        "dtype": str(_dtype(recipe, training=True)),
        "load_in_4bit": recipe.model.load_in_4bit,
        "libraries": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft")},
    }


def _contents(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a model: weights, configuration, tokenizer; not of what training left beside them."""
    names = (
        "*.safetensors",
        "*config.json",
        "tokenizer*",
        "special_tokens*",
        "*.jinja",
        "*.model",
        "vocab*",
        "merges*",
    )
    return {path.name: cache.file_key(path) for name in names for path in sorted(folder.glob(name))}


def _link(source: Path, target: Path) -> None:
    """The files of `source` under `target`, as hard links where the file system has them, else as copies."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link_or_copy, ignore=shutil.ignore_patterns(cache.MADE))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def lora(recipe: Recipe, model: object, *, task: str = "CAUSAL_LM") -> Any | None:
    """peft's LoraConfig for a new adapter; None for full weights, or where a warm start goes on with its adapter."""
    if recipe.peft is None or hasattr(model, "peft_config"):
        return None
    from peft import LoraConfig

    with blame("settings"):
        targets.check(recipe.peft.model_dump(), cast("Any", model))
    given = recipe.peft.model_dump()
    if (
        task == "SEQ_CLS"
    ):  # a new head is no part of the base: it is trained whole and saved beside the adapter
        given["modules_to_save"] = [*(given["modules_to_save"] or ()), "score"]
    return LoraConfig(task_type=task, **given)


def _load(place: str, recipe: Recipe, *, training: bool, kind: Any = None, **more: Any) -> Any:
    import torch

    options: dict[str, Any] = {
        "dtype": _dtype(recipe, training=training),
        **hub_options(recipe, place),
        **more,
    }
    if torch.cuda.is_available():
        options["device_map"] = {"": device()}
    if recipe.model.load_in_4bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    try:
        return (kind or _kind_of(place, recipe)).from_pretrained(place, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load("model", place, error) from error
    except Exception as error:
        # safetensors has an exception of its own for a damaged file, which derives from nothing else.
        if type(error).__name__ != "SafetensorError":
            raise
        raise cannot_load("model", place, error) from error


def _kind_of(place: str, recipe: Recipe) -> Any:
    """The class for a model that writes text: with an eye where the run has images, or where it knows no other."""
    import transformers
    from transformers.models.auto import modeling_auto as known

    config: Any = transformers.AutoConfig.from_pretrained(place, **hub_options(recipe, place))
    if config.model_type in known.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        from cockpit.data.reading.with_images import first_with_image

        data = recipe.data
        only = config.model_type not in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if only or first_with_image((data.train, data.held_out, data.mini_eval), data.columns):
            return transformers.AutoModelForImageTextToText
    return transformers.AutoModelForCausalLM


def _adapted(base: Any, place: str, recipe: Recipe, *, training: bool) -> Any:
    from peft import PeftModel

    merge = training and (recipe.model.adapter == "merge" or recipe.peft is None)
    try:
        new_tokens.grow(base, place, lambda folder: load_tokenizer(recipe, folder))
        model: Any = PeftModel.from_pretrained(base, place, is_trainable=training and not merge)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("adapter", place, error) from error
    if not merge:
        return model
    # peft froze the base when it put the adapter on; what comes out of the merge is to be trained whole.
    return model.merge_and_unload().requires_grad_(True)


def _dtype(recipe: Recipe, *, training: bool) -> Any:
    """`auto`: float32 on a CPU and for the master weights of full training, else bfloat16 where the GPU has it."""
    import torch

    if recipe.model.dtype != "auto":
        return getattr(torch, recipe.model.dtype)
    full = training and recipe.peft is None
    if full or not torch.cuda.is_available() or not torch.cuda.is_bf16_supported():
        return torch.float32
    return torch.bfloat16


def hub_options(recipe: Recipe, place: str) -> dict[str, Any]:
    options: dict[str, Any] = {"trust_remote_code": recipe.model.trust_remote_code}
    if not os.path.isdir(place) and recipe.model.revision:
        options["revision"] = recipe.model.revision
    return options


def _has_tokenizer(place: str) -> bool:
    return not os.path.isdir(place) or (Path(place) / "tokenizer_config.json").is_file()


def cannot_load(what: str, place: str, error: Exception) -> CockpitError:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if os.path.isdir(place):
        fix = "Look at the folder: a file may be missing or cut off."
    elif os.environ.get(hub.SILENT):
        first = f"the hub ({hub.host()[0]}) can't be reached, and its cache does not hold {place}"
        fix = "Look at the network and the proxy's variables, or give a local folder."
    elif hub.offline():
        fix = "HF_HUB_OFFLINE is set: give a local folder, or unset it where there is a network."
    else:
        fix = "Check the name and the network (gated models need HF_TOKEN), or give a local folder."
    return CockpitError(f"the {what} can't be loaded: {first[:300]}", fix, file=place)
