"""Give each image of a row its place in the text of its turns, as `<image>` in the content of a message.

A message with images has them under `images`, one for each `<image>` of its text, in that order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from cockpit.data.images.refs import PLACEHOLDER, is_far, listed, ref_of

Message = dict[str, Any]
# How the field writes the place of an image into a text.
_PLACES = re.compile(
    r"<\|vision_start\|><\|image_pad\|><\|vision_end\|>|<\|image_pad\|>|<\|image(?:_\d+)?\|>|<image>"
)


class Unseated(ValueError):
    """Images that can't be given their places; `fix` says what to do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


def seated(turns: Sequence[Message], column: object, *, whole: bool = True) -> list[Message]:
    """The turns with the images of the column, and of their own parts, in their places; as they are without any.

    Where the text names no place, they stand before what the user says first. `whole`: the turns are all of the row,
    so that each of the column's images must have a place. Raises Unseated.
    """
    given = [_known(one, number) for number, one in enumerate(listed(column), 1)]
    if not given and not any(turn.get("images") for turn in turns):
        return list(turns)
    made = [_marked(turn) for turn in turns]
    if given and not any(turn.get("images") for turn in made):
        asks = next((at for at, turn in enumerate(made) if turn["role"] == "user"), None)
        if asks is None:
            raise Unseated("it has images and no turn of the user's that they could stand in", _PLACE_THEM)
        made[asks] = made[asks] | {
            "content": PLACEHOLDER * len(given) + made[asks]["content"],
            "images": [None] * len(given),
        }
    wanted = [one for turn in made for one in turn.get("images", ())]
    open_places = sum(not isinstance(one, str) for one in wanted)
    if open_places > len(given) or (whole and open_places < len(given)):
        raise Unseated(
            f"its text has {open_places} place{'s' * (open_places != 1)} for images, and the row has {len(given)}",
            _PLACE_THEM,
        )
    if any(turn.get("images") and turn["role"] == "assistant" for turn in made):
        raise Unseated(
            "an answer of the assistant's holds an image, and these models write text alone",
            "Leave the row out.",
        )
    left = iter(given)
    return [
        turn | {"images": [_taken(one, left, given) for one in turn["images"]]}
        if turn.get("images")
        else turn
        for turn in made
    ]


_PLACE_THEM = "Write `<image>` once for each image, or nowhere: then they stand before the first question."


def _marked(turn: Message) -> Message:
    """The turn with every place of its text as `<image>`, and something under `images` for each of them."""
    text = _PLACES.sub(PLACEHOLDER, str(turn["content"]))
    own = cast("list[object]", turn.get("images") or [])
    places = text.count(PLACEHOLDER)
    if not own:
        return turn if not places else turn | {"content": text, "images": [None] * places}
    if not places:
        text, places = PLACEHOLDER * len(own) + text, len(own)
    if places != len(own):
        raise Unseated(
            f"a message has {places} places for images in its text, and {len(own)} images", _PLACE_THEM
        )
    known = [one if one is None or isinstance(one, int) else _known(one, n) for n, one in enumerate(own, 1)]
    return turn | {"content": text, "images": known}


def _taken(one: object, left: Any, given: list[str]) -> str:
    """The image at a place: its own, the one of the column that it names by number, or the column's next."""
    if isinstance(one, str):
        return one
    following = next(left)
    return given[one] if isinstance(one, int) and 0 <= one < len(given) else following


def _known(held: object, number: int) -> str:
    ref = ref_of(held)
    if ref is None:
        raise Unseated(
            f"image {number} is neither a file's path, a data: URL, base64 nor bytes ({type(held).__name__})",
            "Write the path of the file, relative to the data file.",
        )
    if is_far(ref):
        raise Unseated(
            f"image {number} is at {ref.partition('?')[0][:100]}, and images are not fetched",
            "Download it, and write the path of the file, relative to the data file.",
        )
    return ref


def split_at_places(message: Message) -> list[tuple[str, str]]:
    """A message's content as parts: `("text", …)` and `("image", ref)`, in order; nothing for an empty text."""
    refs = cast("list[str]", message.get("images") or [])
    pieces = str(message["content"]).split(PLACEHOLDER, len(refs)) if refs else [str(message["content"])]
    made: list[tuple[str, str]] = []
    for at, piece in enumerate(pieces):
        if at:
            made.append(("image", refs[at - 1]))
        if piece:
            made.append(("text", piece))
    return made


def images_of(turns: Sequence[Message]) -> list[str]:
    """Every image of these turns, in order."""
    return [ref for turn in turns for ref in turn.get("images", ())]
