"""Going back to an earlier checkpoint: later resumes pass over those after it, until they are made anew."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from cockpit.contract import atomic
from cockpit.contract.bounded import checkpoint
from cockpit.contract.errors import CockpitError, why
from cockpit.contract.layout import PASSED_OVER, AttemptLayout

HEED = (
    f"Your own trainer finds its checkpoints itself: it goes back only if it passes over those with {PASSED_OVER} in "
    "them (docs/attempt-folder.md)."
)


@contextmanager
def rewound(
    attempt: AttemptLayout, step: int, *, say: Callable[[str], None] | None = None
) -> Generator[None]:
    """Have the resume in this block go on from the checkpoint at `step`; if the block raises, nothing has changed.

    The marks lie in the checkpoints' folders, so that a cluster's requeue and a resume after a kill heed them too.
    `say` is told what a trainer of the user's own has to do for it. Raises CockpitError where there is no such
    checkpoint, or it is damaged.
    """
    ours = (atomic.read_object(attempt.recipe) or {}).get("technique") != "custom"
    folders = {checkpoint.step_of(folder): folder for folder in checkpoint.all_of(attempt)}
    there = ", ".join(str(at) for at in folders) or "none"
    if step not in folders:
        raise CockpitError(
            f"there is no checkpoint of step {step}", f"There are: {there}.", file=attempt.checkpoints
        )
    if damage := checkpoint.fault(folders[step], ours=ours):
        raise CockpitError(
            f"the checkpoint of step {step} is damaged: {damage}",
            f"Choose another one ({there}), or leave --from out: the newest whole one is taken then.",
            file=folders[step],
        )
    later = [folder / PASSED_OVER for at, folder in folders.items() if at is not None and at > step]
    own = folders[step] / PASSED_OVER
    marked = own.exists()
    fresh = [mark for mark in later if not mark.exists()]

    def undo() -> None:
        for mark in fresh:
            mark.unlink(missing_ok=True)
        if marked:
            own.touch()

    try:
        for mark in fresh:
            atomic.write_text(mark, f"The run was resumed from step {step}.\n")
        own.unlink(missing_ok=True)
    except OSError as error:
        undo()
        raise CockpitError(
            f"the later checkpoints can't be marked: {why(error)}", file=attempt.checkpoints
        ) from error
    try:
        if not ours and say is not None:
            say(HEED)
        yield
    except BaseException:
        undo()
        raise
