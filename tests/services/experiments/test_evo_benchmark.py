"""A recipe and evo's variables -> one resolved recipe; without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.services.experiments import evo_benchmark
from cockpit.services.recipe import drafts
from cockpit.services.system import environments

FIRM = 'technique = "sft"\n[data]\ntrain = "train.jsonl"\n[trainer]\nlearning_rate = 3e-4\n'


class Repo:
    """The main checkout, a worktree of it, and evo's variables."""

    def __init__(self, root: Path) -> None:
        self.root, self.worktree = root / "repo", root / "repo/.evo/run_0000/worktrees/exp_0003"
        self.run = self.root / ".evo/run_0000"
        self.worktree.mkdir(parents=True)
        for name, prompt in (("train", "1+1"), ("mini", "2+2"), ("held", "3+3")):
            row = {"prompt": prompt, "completion": "2", "answer": "2"}
            (self.root / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
        (self.root / "model").mkdir()
        node = {"id": "exp_0003", "parent": "exp_0001", "hypothesis": "more of it"}
        (self.run / "graph.json").write_text(json.dumps({"nodes": {"exp_0003": node}}))
        (self.worktree / "cockpit.toml").write_text(
            '[model]\nname_or_path = "model"\n[data]\nmini_eval = "mini.jsonl"\nheld_out = "held.jsonl"\n'
            '[verifier]\nspec = "exact"\n[recipes.sft]\nlearning_rate = 1e-5\nmax_steps = 7\n'
        )
        folder = self.run / "experiments/exp_0003/attempts/001"
        self.env = {
            "EVO_EXPERIMENT_ID": "exp_0003",
            "EVO_ATTEMPT": "1",
            "EVO_WORKTREE": str(self.worktree),
            "EVO_CHECKPOINT_DIR": str(folder / "checkpoints"),
            "EVO_RESULT_PATH": str(folder / "result.json"),
        }

    def given(self, **more: str) -> evo_benchmark.Given:
        return evo_benchmark.Given.read(self.env | more, None)

    def resolve(self, text: str | None = FIRM, *options: str, **env: str) -> Recipe:
        words = list(options)
        if text is not None:
            (self.worktree / "recipe.toml").write_text(text)
            words.insert(0, str(self.worktree / "recipe.toml"))
        return evo_benchmark.resolve(evo_benchmark._parser().parse_args(words), self.given(**env))  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    made = Repo(tmp_path)
    monkeypatch.chdir(made.root)  # evo starts a benchmark in the main checkout
    for name in ("WANDB_API_KEY", "TRACKIO_SPACE_ID", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_a_recipe_of_a_few_lines(repo: Repo) -> None:
    recipe = repo.resolve()
    assert (recipe.experiment_id, recipe.parent, recipe.hypothesis) == ("exp_0003", "exp_0001", "more of it")
    assert recipe.model.name_or_path == str(repo.root / "model")  # not in git: found in the main checkout
    assert recipe.data.train == str(repo.root / "train.jsonl")
    assert recipe.data.held_out_hash
    assert recipe.trainer["learning_rate"] == 3e-4  # the file wins over cockpit.toml's [recipes.sft] …
    assert recipe.trainer["max_steps"] == 7  # … which wins over the defaults
    assert recipe.peft is not None


def test_short_names_of_the_file_the_options_and_the_target(
    repo: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    target = repo.worktree / "cockpit.toml"
    target.write_text(target.read_text().replace("max_steps = 7", "steps = 7"))
    recipe = repo.resolve('technique = "sft"\nlr = 3e-4\n[data]\ntrain = "train.jsonl"\n[lora]\nrank = 8\n')
    assert (recipe.trainer["learning_rate"], recipe.trainer["max_steps"]) == (3e-4, 7)
    assert recipe.peft is not None
    assert recipe.peft.r == 8
    said = capsys.readouterr().err
    for note in ("in cockpit.toml steps is max_steps.", "lr is learning_rate.", "lora.rank is peft.r."):
        assert f"trainers.run: {note}\n" in said
    assert repo.resolve(FIRM, "--set", "lr=1e-4").trainer["learning_rate"] == 1e-4


def test_options_win_over_the_file(repo: Repo) -> None:
    recipe = repo.resolve(FIRM, "--full", "--set", "learning_rate=1e-4", "--hypothesis", "mine")
    assert (recipe.peft, recipe.trainer["learning_rate"], recipe.hypothesis) == (None, 1e-4, "mine")


def test_options_alone_are_enough(repo: Repo) -> None:
    (repo.worktree / "cockpit.toml").unlink()
    words = "--technique sft --model model --train train.jsonl --mini-eval mini.jsonl --held-out held.jsonl"
    assert repo.resolve(None, *words.split(), "--verifier", "exact").technique == "sft"


def test_the_baseline_needs_no_training_data(repo: Repo) -> None:
    recipe = repo.resolve('technique = "baseline"\n')
    assert (recipe.technique, recipe.data.train) == ("baseline", None)


def test_evos_dataset_is_trained_on(repo: Repo, tmp_path: Path) -> None:
    scored = tmp_path / "scored.jsonl"
    turns = [{"role": "user", "content": "5+5"}, {"role": "assistant", "content": "10"}]
    scored.write_text(
        json.dumps({"scenario_id": "a", "reward": 1.0, "passed": True, "messages": turns}) + "\n"
    )
    assert repo.resolve(EVO_DATASET=str(scored)).data.train == str(scored)


@pytest.mark.parametrize("name", ["EVO_SEED_ARTIFACT", "EVO_PARENT_POLICY"])
def test_a_seed_is_warm_started_from(repo: Repo, tmp_path: Path, name: str) -> None:
    seed = tmp_path / "seed"
    seed.mkdir()
    assert repo.resolve(**{name: str(seed)}).model.warm_start == str(seed)
    assert repo.resolve(FIRM, "--fresh", **{name: str(seed)}).model.warm_start is None
    assert repo.resolve("fresh = true\n" + FIRM, **{name: str(seed)}).model.warm_start is None


def test_a_seed_that_is_gone_is_not_silently_replaced_by_the_base(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="not there"):
        repo.resolve(EVO_SEED_ARTIFACT=str(tmp_path / "gone"))


def test_a_whole_recipe_is_run_again_under_the_new_name(repo: Repo, tmp_path: Path) -> None:
    repo.resolve().dump(tmp_path / "recipe.json")
    options = evo_benchmark._parser().parse_args([str(tmp_path / "recipe.json")])  # pyright: ignore[reportPrivateUsage]
    given = evo_benchmark.Given.read(
        repo.env | {"EVO_EXPERIMENT_ID": "exp_0009", "EVO_ATTEMPT": "check-002"}, None
    )
    recipe = evo_benchmark.resolve(options, given)
    assert (recipe.experiment_id, recipe.attempt, recipe.trainer["max_steps"]) == ("exp_0009", 2, 7)
    (repo.root / "train.jsonl").write_text('{"prompt": "other", "completion": "2"}\n')
    with pytest.raises(CockpitError, match="has changed"):
        evo_benchmark.resolve(options, given)


BAD: list[tuple[str, str]] = [
    ("technique = sft\n", "can't be read"),
    (FIRM.replace("sft", "spt"), "no technique 'spt'"),
    (FIRM + "lerning_rate = 1\n", "Did you mean learning_rate"),
    ('data = "x"\n', r"data must be a section"),
    ('[data]\ntrain = "gone.jsonl"\n', "no such data file"),
]


@pytest.mark.parametrize(("text", "says"), BAD)
def test_a_bad_recipe_is_one_sentence(repo: Repo, text: str, says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        repo.resolve(text)


def test_outside_evo_it_asks_for_a_folder() -> None:
    with pytest.raises(CockpitError, match="EVO_CHECKPOINT_DIR"):
        evo_benchmark.Given.read({}, None)


def test_the_folder_is_ready_for_a_trainer_and_the_log_is_evos(repo: Repo) -> None:
    recipe, given = repo.resolve(), repo.given()
    layout = evo_benchmark.prepare(recipe, given)
    assert Recipe.load(layout.recipe) == recipe
    assert layout.root == (repo.run / "experiments/exp_0003/attempts/001/checkpoints/cockpit").resolve()
    log = repo.run / "experiments/exp_0003/attempts/001/benchmark.log"
    log.write_text("hello\n")
    assert layout.log.read_text() == "hello\n"
    written: Any = (repo.worktree / "methodlog.md").read_text()
    assert "sft, LoRA r=32" in written
    assert "learning_rate=0.0003" in written
    evo_benchmark.prepare(recipe, given)
    assert (repo.worktree / "methodlog.md").read_text() == written  # said once


def test_ppo_runs_in_the_environment_that_was_made_for_it(repo: Repo) -> None:
    """`cockpit env add ppo` in the main checkout serves every worktree; without it, it says how to make it."""
    whole = repo.resolve(FIRM, "--technique", "ppo")
    homes = evo_benchmark._homes(repo.given())  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(CockpitError, match="PPO needs an environment") as caught:
        drafts.with_environment(homes, whole)
    assert "cockpit env add ppo" in caught.value.fix
    folder = environments.folder_of(repo.root) / "ppo"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("")
    (folder / environments.RECORD).write_text('{"v": 1, "installed": {"trl": "1.12.0"}}')
    assert drafts.with_environment(homes, whole).resources.python == str(folder / "bin" / "python")
    assert drafts.with_environment(homes, repo.resolve()).resources.python is None, "SFT needs none"
