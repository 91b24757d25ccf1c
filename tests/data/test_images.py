"""Images in every form that rows write them in, without a model: what names one, and where it stands in the text."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.data.examples import Example, Misfit, read_example
from cockpit.data.images import opening
from cockpit.data.images.refs import ref_of
from cockpit.data.keys import Asked, row_keys
from cockpit.data.reading.files import load_rows
from cockpit.data.shapes import recognise

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
CODED = base64.b64encode(PNG).decode()
INLINE = f"data:image;base64,{CODED}"
SAID = {"role": "assistant", "content": "a cat"}


def asks(*parts: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}, SAID]


TEXT = {"type": "text", "text": "What is it?"}


@pytest.mark.parametrize(
    ("row", "content", "images"),
    [
        ({"image": "a.png", "question": "What is it?", "answer": "a cat"}, "<image>What is it?", ["a.png"]),
        ({"image": {"bytes": PNG, "path": "a.png"}, "question": "What is it?", "answer": "a cat"},
         "<image>What is it?", [INLINE]),
        ({"image": {"bytes": None, "path": "a.png"}, "question": "What is it?", "answer": "a cat"},
         "<image>What is it?", ["a.png"]),
        ({"images": [PNG], "question": "What is it?", "answer": "a cat"}, "<image>What is it?", [INLINE]),
        ({"images": ["a.png", None, "b.png"], "messages": [{"role": "user", "content": "Two?"}, SAID]},
         "<image><image>Two?", ["a.png", "b.png"]),
        ({"image": "a.png", "conversations": [{"from": "human", "value": "<image>\nWhat is it?"},
                                              {"from": "gpt", "value": "a cat"}]},
         "<image>\nWhat is it?", ["a.png"]),
        ({"images": ["a.png"], "messages": asks({"type": "image"}, TEXT)}, "<image>What is it?", ["a.png"]),
        ({"images": ["a.png", "b.png"], "messages": asks({"type": "image", "index": 1, "text": None},
                                                        {"type": "image", "index": 0, "text": None}, TEXT)},
         "<image><image>What is it?", ["b.png", "a.png"]),
        ({"messages": asks({"type": "image", "image": "a.png"}, TEXT)}, "<image>What is it?", ["a.png"]),
        ({"messages": asks(TEXT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{CODED}"}})},
         "What is it?<image>", [f"data:image/png;base64,{CODED}"]),
        ({"messages": asks({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": CODED}},
                           TEXT)}, "<image>What is it?", [INLINE]),
        ({"images": ["a.png"], "messages": [
            {"role": "user", "content": "<|vision_start|><|image_pad|><|vision_end|>What is it?"}, SAID]},
         "<image>What is it?", ["a.png"]),
        ({"messages": [{"role": "user", "content": "What is it?", "images": ["a.png"]}, SAID]},
         "<image>What is it?", ["a.png"]),
    ],
)  # fmt: skip
def test_each_form_becomes_a_place_in_the_text_and_a_name(
    row: dict[str, Any], content: str, images: list[str]
) -> None:
    example = read_example(row)
    asked = example.chat[0]
    assert (asked["content"], asked["images"]) == (content, images)
    assert example.prompt == [asked]
    assert example.said == "a cat" or example.gold == "a cat"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"image": "https://x.org/a.png", "question": "a", "answer": "b"}, r"images are not fetched"),
        ({"images": ["a.png"], "question": "<image> or <image>?", "answer": "b"}, "2 places for images"),
        ({"messages": asks({"type": "image"}, TEXT)}, "1 place for images, and the row has 0"),
        ({"image": {"height": 3}, "question": "a", "answer": "b"}, "image 1 is neither"),
        ({"images": ["a.png"], "text": "A story."}, "no turn of the user's"),
        ({"messages": [*asks(TEXT)[:1], {"role": "assistant", "content": [{"type": "image", "image": "a.png"}]}]},
         "holds an image"),
        ({"image": "a.png", "prompt": "a", "chosen": "b", "rejected": [{"role": "assistant", "content": [
            {"type": "image", "image": "b.png"}]}]}, "holds an image"),
        ({"video": "a.mp4", "prompt": "a", "completion": "b"}, "'video'"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(Misfit, match=says):
        read_example(row)


def test_paths_lead_to_the_files_from_anywhere(tmp_path: Path) -> None:
    rows = [
        {"image": "a/b.png", "question": "a", "answer": "b"},
        {"messages": asks({"type": "image", "image": "c.png"}, TEXT)},
        {"image": "/elsewhere/d.png", "question": "a", "answer": "b"},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = [read_example(row).images for row in load_rows(file)]
    assert read == [[str(tmp_path / "a/b.png")], [str(tmp_path / "c.png")], ["/elsewhere/d.png"]]


def test_bytes_of_parquet_can_be_written_as_json(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    row = {"images": [{"bytes": PNG, "path": None}], "question": "a", "answer": "b"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    (held,) = load_rows(tmp_path / "rows.parquet")
    assert read_example(json.loads(json.dumps(held))).images == [INLINE]


def example(image: str) -> Example:
    return read_example({"image": image, "question": "What is it?", "answer": "b"})


def test_one_question_about_two_images_is_two_questions() -> None:
    rows: list[dict[str, Any]] = [{"image": name, "question": "What is it?", "answer": "b"} for name in "ab"]
    held = Asked([("first", row_keys(rows[0]))])
    assert [name for name, _ in held.met(row_keys(rows[0]))] == ["first"]
    assert not list(held.met(row_keys(rows[1])))
    assert [example(name).asked[0].text for name in ("x/a.png", INLINE)] == [
        "[image 1: x/a.png]What is it?",
        f"[image 1: inline {example(INLINE).asked[0].text[17:25]}]What is it?",
    ]


def test_the_column_is_recognised_and_the_places_are_no_fault() -> None:
    row = {"image": "a.png", "conversations": [{"from": "human", "value": "<image>\nWhat?"},
                                               {"from": "gpt", "value": "a cat"}]}  # fmt: skip
    reading = recognise([row] * 3)
    assert reading.columns == {"messages": "conversations", "images": "image"}
    assert not reading.notes


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("{folder}/none.png", r"row 3: the image .*none.png is not there"),
        ("{folder}", "no plain file"),
        ("{folder}/text.png", "no image of a kind"),
        ("{folder}/cut.png", "can't be read"),
        ("{folder}/bomb.png", "is too large"),
        ("data:image/png;base64,iVBO*", "base64 is damaged"),
        ("data:image/svg+xml,<svg/>", "not in base64"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, ref: str, says: str) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "text.png").write_text("not an image")
    made = io.BytesIO()
    image.effect_noise((64, 64), 99).save(made, "PNG")
    (tmp_path / "cut.png").write_bytes(made.getvalue()[:500])
    bomb = bytearray(made.getvalue())
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(CockpitError, match=says):
        opening.opened(ref.format(folder=tmp_path), row=3)


def test_an_image_is_opened_upright_and_in_colour(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    turned = image.new("RGBA", (8, 4), (255, 0, 0, 0))
    exif = image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.png", exif=exif)
    assert opening.size_of(str(tmp_path / "a.png")) == (8, 4)
    opened = opening.opened(str(tmp_path / "a.png"))
    assert (opened.size, opened.mode, opened.getpixel((0, 0))) == ((4, 8), "RGB", (255, 255, 255))


@pytest.mark.parametrize(
    ("held", "ref"), [("file:///data/a%20b.png", "/data/a b.png"), ("a%20b.png", "a%20b.png"), (" ", None)]
)
def test_a_file_address_is_decoded_and_a_path_is_not(held: str, ref: str | None) -> None:
    assert ref_of(held) == ref
