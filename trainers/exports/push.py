"""Push an exported folder to the hub, in one commit: a repository is never half of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cockpit.contract import CockpitError


def run(request: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Make the repository `repo` where it isn't there, private unless `public`, and commit `folder` to it."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    repo = str(request["repo"])
    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=os.environ.get("HF_TOKEN"))
    try:
        stage(f"pushing to {repo}")
        hub.create_repo(repo, private=not request.get("public"), exist_ok=True)
        made = hub.upload_folder(
            repo_id=repo, folder_path=str(request["folder"]), commit_message=str(request["message"])
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CockpitError(
            f"the hub did not take it: {first[:300]}",
            "The export stays on the disk. HF_TOKEN must be allowed to write to that name; then --push again.",
        ) from error
    return {"url": str(getattr(made, "commit_url", "") or made)}
