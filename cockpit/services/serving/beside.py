"""Starts the warm server of a run beside it: the supervisor calls this, and the run asks the server for its answers.

    python -m cockpit.services.serving.beside ATTEMPT_DIR

It forks and leaves at once, so that the server it starts is no child of the run's supervisor: that one ends what its
run leaves behind, and the server stays warm for the next run. What comes of the start stands in the server's record.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.services.workspace.workspace import Workspace


def main(argv: list[str]) -> int:
    """Leave the caller, then start the server of the attempt's recipe; 1 where there is no recipe to read."""
    if os.fork():
        return 0
    from cockpit.contract.errors import CockpitError
    from cockpit.contract.layout import AttemptLayout
    from cockpit.contract.recipe import Recipe
    from cockpit.services.system.spawn import workspace_of
    from cockpit.services.workspace.workspace import Workspace

    attempt = AttemptLayout(Path(argv[0]))
    place = workspace_of(attempt.root)
    try:
        recipe = Recipe.load(attempt.recipe)
    except CockpitError as error:
        print(f"no server: {error}", file=sys.stderr)
        return 1
    start(Workspace(place) if (place / "cockpit.toml").is_file() else None, recipe)
    return 0


def start(ws: Workspace | None, recipe: Recipe) -> None:
    """Start the server that answers this recipe's evaluations; why it can't be started goes into its record."""
    from cockpit.contract import serving
    from cockpit.contract.errors import CockpitError
    from cockpit.services.recipe import fit
    from cockpit.services.serving import servers

    model = serving.model_of(recipe)
    digest = serving.model_digest(model)
    layout = serving.layout_for(model, digest)
    need: int | None = None
    with contextlib.suppress(CockpitError):
        need = fit.of_recipe(recipe).estimate.total if recipe.technique != "baseline" else None
    try:
        servers.start(
            ws,
            model,
            servers.request_of(ws),
            revision=recipe.model.revision,
            trust_remote_code=recipe.model.trust_remote_code,
            rank=recipe.peft.r if recipe.peft else None,
            trainer=need,
        )
    except CockpitError as error:
        if not serving.kept(layout):
            layout.root.mkdir(parents=True, exist_ok=True)
            told = serving.ServerFacts("failed", model, digest, says=str(error), started=time.time())
            serving.write(layout, told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
