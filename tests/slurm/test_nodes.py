"""One run on two nodes of a real Slurm: accelerate on each, gloo between them, rank 0 writes the seam."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.services import flight, setup, slurm, spawn
from cockpit.services.slurm_job import place
from cockpit.services.spawn import MAIN_IP, MAIN_PORT, NODE
from cockpit.services.workspace import Workspace
from tests.cli.conftest import Cli
from tests.ml.conftest import Tiny, tiny  # noqa: F401 - a fixture
from tests.slurm.cluster import Cluster, missing
from tests.slurm.test_slurm import cluster, state, until  # noqa: F401 - a fixture

needs_slurm = pytest.mark.skipif(bool(missing()), reason=f"no Slurm here: {missing()}")


def recipe(**sections: object) -> dict[str, object]:
    return {
        "experiment_id": "exp_0001",
        "technique": "sft",
        "model": {"name_or_path": "m"},
        "data": {"train": "t", "mini_eval": "e", "held_out": "h"},
        "verifier": "exact",
        "launcher": "slurm",
        **sections,
    }


@pytest.mark.parametrize(
    ("sections", "processes"),
    [
        ({"slurm": {"nodes": 1}}, 1),
        ({"slurm": {"nodes": 2}}, 2),
        ({"slurm": {"nodes": 2, "gpus_per_node": 4}}, 8),
        ({"slurm": {"nodes": 1, "gpus_per_node": 4}}, 4),
        ({"slurm": {"nodes": 2, "gpus_per_node": 4}, "resources": {"processes": 2}}, 2),
        ({"launcher": "local", "slurm": {"nodes": 2}}, 1),
    ],
)
def test_how_many_processes(sections: dict[str, object], processes: int) -> None:
    assert spawn.together(recipe(**sections)) == processes


def test_each_node_is_told_which_it_is_and_where_the_first_listens(tmp_path: Path) -> None:
    env = {NODE: "1", MAIN_IP: "10.0.0.1", MAIN_PORT: "20007", "PATH": ""}
    wanted = recipe(slurm={"nodes": 2, "gpus_per_node": 4})
    argv = spawn.command(AttemptLayout(tmp_path).root, wanted, env, token="t").argv
    told = dict(itertools.pairwise(argv))
    assert told["--num_machines"] == "2"
    assert told["--num_processes"] == "8"
    assert told["--machine_rank"] == "1"
    assert (told["--main_process_ip"], told["--main_process_port"]) == ("10.0.0.1", "20007")
    assert argv[-2:] == ("trainers.sft", str(tmp_path))


def test_a_job_on_one_node_needs_no_scontrol() -> None:
    assert place({"SLURM_JOB_ID": "7", "SLURM_NODEID": "0"}) == {
        NODE: "0",
        MAIN_IP: "127.0.0.1",
        MAIN_PORT: "20007",
    }


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"slurm": {"nodes": 2}, "resources": {"processes": 3}}, "can't be shared out evenly"),
        ({"slurm": {"nodes": 2}, "technique": "baseline"}, "baseline is none of them"),
    ],
)
def test_what_can_not_be_on_several_nodes(sections: dict[str, object], says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        Recipe.parse(recipe(**sections))


@needs_slurm
@pytest.mark.ml
@pytest.mark.fault
@pytest.mark.timeout(400)
def test_two_nodes_train_together_to_the_end(cli: Cli, cluster: Cluster, tiny: Tiny) -> None:  # noqa: F811
    files = {name: Path(tiny.files[name]) for name in ("train", "mini_eval", "held_out")}
    files["train"] = Path(tiny.files["sft"])
    cli.root.mkdir(parents=True)
    setup.init(cli.root, name="two", model=str(tiny.model), verifier=tiny.verifier, **files,
               sections={"generation": {"max_new_tokens": 16}})  # fmt: skip
    ws = Workspace(cli.root)
    settings = {
        "launcher": "slurm", "slurm.nodes": 2, "slurm.partition": "both", "slurm.cpus_per_task": 1,
        "max_steps": 40, "per_device_train_batch_size": 8, "mid_eval.every_steps": 20, "mid_eval.early_stop": False,
        "learning_rate": 5e-3,
    }  # fmt: skip
    view = flight.new(ws, "sft", overrides=settings, lora=True)
    flight.launch(ws, view.id, reason="a test")
    attempt = ws.attempt_dir(view.id)
    assert attempt is not None
    try:
        until(lambda: state(cli, view.id) == "finished", 240)
    except AssertionError:
        raise AssertionError(
            "\n".join(p.read_text(errors="replace")[-3000:] for p in attempt.log.parent.glob("*"))
        ) from None
    finally:
        cluster("scancel", "--user=root", "--signal=KILL")
    logs = [path.read_text(errors="replace")[-3000:] for path in attempt.log.parent.glob("*")]
    assert state(cli, view.id) == "finished", "\n".join(logs)
    other = attempt.log.with_name("trainer.node1.log").read_text()
    assert "--machine_rank 1" in other
    assert "Traceback" not in other
    assert slurm.job_id(attempt)
    rows = [row for row in read_rows(attempt.metrics) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 41)), "rank 0 alone writes"
    assert ws.experiment(view.id).status == "evaluated"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage]
    yield
    slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage]
