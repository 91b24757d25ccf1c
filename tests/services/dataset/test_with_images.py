"""A data set with images on its way into a workspace: set apart by image, refused where nothing would see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.data.reading.files import load_rows
from cockpit.services.dataset import overlap
from cockpit.services.dataset.inspect import inspect
from cockpit.services.dataset.inspect_text import as_text
from cockpit.services.experiments import setup
from cockpit.services.recipe import drafts
from cockpit.services.recipe.drafts import DraftRequest
from cockpit.services.workspace.workspace import Workspace

QUESTION = "Is the image that you see here dark, or is it bright? Say one word, and nothing else at all."
"""Long enough that it would be found in every row, if images were no part of what is asked."""


def rows_file(folder: Path, count: int = 60) -> Path:
    file = folder / "rows.jsonl"
    rows = [{"image": f"images/{i}.png", "question": QUESTION, "answer": "dark"} for i in range(count)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def model(folder: Path, **config: object) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llava", **config}))
    return str(folder)


def workspace(tmp_path: Path, name: str) -> Workspace:
    setup.init(tmp_path / "ws", name="t", model=name, verifier="exact", train=rows_file(tmp_path))
    return Workspace(tmp_path / "ws")


def test_items_are_set_apart_by_their_images(tmp_path: Path) -> None:
    ws = workspace(tmp_path, model(tmp_path / "eye", vision_config={}))
    train, held_out = (str(path) for path in (ws.config.train, ws.config.held_out))
    assert len(load_rows(train)) + len(load_rows(held_out)) > 50
    assert not overlap.compare(train, held_out).matches
    assert len(overlap.compare(held_out, held_out).matches) == len(load_rows(held_out))
    assert load_rows(held_out)[0]["image"].startswith(str(tmp_path / "images"))
    assert drafts.resolve(ws, DraftRequest("sft")).data.train == train
    with pytest.raises(CockpitError, match="row 1 has images, and rft is trained on text alone") as refused:
        drafts.resolve(ws, DraftRequest("rft"))
    assert "sft, dpo, kto, grpo, rloo" in refused.value.fix


def test_a_model_that_reads_text_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match=r"row 1 has images, and .*blind reads text alone"):
        workspace(tmp_path, model(tmp_path / "blind"))


def test_inspect_counts_images_and_names_what_is_missing(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    for number, size in enumerate([(8, 4), (3, 9)]):
        image.new("L", size).save(tmp_path / f"images/{number}.png")
    text = as_text(inspect(str(rows_file(tmp_path, 3))))
    assert (
        "3 rows have images, 3 in all, at most 8 x 9 pixels: they need a vision-language model (with one"
        in text
    )
    assert "1 of 3 images can't be read: row 3: the image images/2.png is not there" in text
    assert "left out" not in text


def test_a_place_in_the_turns_and_the_image_in_a_column_are_one_image(tmp_path: Path) -> None:
    asked = [{"type": "image"}, {"type": "text", "text": "Dark?"}]
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": "yes"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"images": ["a.png"], "messages": turns}) + "\n")
    assert "1 rows have images, 1 in all" in as_text(inspect(str(tmp_path / "rows.jsonl")))
