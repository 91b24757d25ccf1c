"""Push an exported folder to the hub, in one commit: a repository is never half of it, nor public by mistake."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cockpit.contract import CockpitError


def run(request: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Make the repository `repo` where it isn't there, private unless `public`, and commit `folder` to it.

    One that is there keeps who may see it: unless the hub says that it is private, `public` must have been said.
    """
    from huggingface_hub import HfApi

    # HTTPError is that of the library which the hub's client of the day asks with: no network is one, too.
    from huggingface_hub.errors import GatedRepoError, HTTPError, RepositoryNotFoundError

    repo, public = str(request["repo"]), bool(request.get("public"))
    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=os.environ.get("HF_TOKEN"))
    try:
        try:
            private = hub.model_info(repo).private is True
        except GatedRepoError:
            private = False
        except RepositoryNotFoundError:
            private = None
        if private is False and not public:
            raise CockpitError(
                f"{repo} is there already and public: everybody would see the weights",
                "Add --public if that is meant, or name another repository.",
            )
        if private and public:
            stage(f"{repo} is there already and stays private")
        stage(f"pushing to {repo}")
        if private is None:
            hub.create_repo(repo, private=not public)
        made = hub.upload_folder(
            repo_id=repo, folder_path=str(request["folder"]), commit_message=str(request["message"])
        )
    except (HTTPError, OSError, ValueError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CockpitError(
            f"the hub did not take it: {first[:300]}",
            "The export stays on the disk. HF_TOKEN must be allowed to write to that name; "
            "then the same command again pushes it.",
        ) from error
    return {"url": str(getattr(made, "commit_url", "") or made)}
