"""One run on two nodes of a real Slurm: accelerate on each, gloo between them, rank 0 writes the seam."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cockpit.contract import AttemptWriter, CockpitError, Recipe
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.services.experiments import lifecycle, setup
from cockpit.services.runs import slurm
from cockpit.services.runs.record import read_facts
from cockpit.services.runs.slurm_job import TrainingJob, place
from cockpit.services.system import spawn
from cockpit.services.system.spawn import MAIN_IP, MAIN_PORT, NODE
from cockpit.services.workspace.workspace import Workspace
from tests.services.runs.slurm.test_slurm import cluster, state, step, until  # noqa: F401 - a fixture
from tests.support.cli import Cli
from tests.support.cluster import Cluster, missing
from tests.trainers.real.conftest import Tiny, tiny  # noqa: F401 - a fixture

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


@pytest.mark.parametrize("node", ["0", "1"])
def test_what_slurm_requeues_although_it_has_finished_is_not_run_again(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preempted in its last moment; there is no recipe here, so that nothing could be started."""
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    monkeypatch.setenv("SLURM_NODEID", node)
    out = AttemptWriter(tmp_path)
    out.stage("training")
    out.end("finished", step=9)
    assert TrainingJob(str(tmp_path), "launch")() == 0
    assert not AttemptLayout(tmp_path).log.parent.exists()


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


def launched(cli: Cli, tiny: Tiny, **more: object) -> tuple[Workspace, str, AttemptLayout]:  # noqa: F811
    """An SFT of the tiny model, a process on each of the two nodes."""
    cli.root.mkdir(parents=True)
    setup.init(cli.root, name="two", model=str(tiny.model), verifier=tiny.verifier, train=Path(tiny.files["sft"]),
               mini_eval=Path(tiny.files["mini_eval"]), held_out=Path(tiny.files["held_out"]),
               sections={"generation": {"max_new_tokens": 16}})  # fmt: skip
    ws = Workspace(cli.root)
    settings = {
        "launcher": "slurm", "slurm.nodes": 2, "slurm.partition": "both", "slurm.cpus_per_task": 1,
        "slurm.grace_s": 20, "max_steps": 120, "per_device_train_batch_size": 8,
        "mid_eval.every_steps": 60, "mid_eval.early_stop": False, "learning_rate": 5e-3, **more,
    }  # fmt: skip
    view = lifecycle.new(ws, "sft", overrides=settings, lora=True)
    lifecycle.launch(ws, view.id, reason="a test")
    attempt = ws.attempt_dir(view.id)
    assert attempt is not None
    return ws, view.id, attempt


def logs_of(attempt: AttemptLayout) -> str:
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in attempt.log.parent.glob("*"))


@contextmanager
def followed(attempt: AttemptLayout, cluster: Cluster) -> Iterator[None]:  # noqa: F811
    """What does not come as it should is shown with what the nodes said; nothing is left in the cluster."""
    try:
        yield
    except AssertionError:
        raise AssertionError(logs_of(attempt)) from None
    finally:
        cluster("scancel", "--user=root", "--signal=KILL")


@needs_slurm
@pytest.mark.ml
@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_the_time_limit_makes_a_checkpoint_on_two_nodes_and_the_job_is_requeued(
    cli: Cli,
    cluster: Cluster,  # noqa: F811
    tiny: Tiny,  # noqa: F811
) -> None:
    """It is told at once, and has three minutes: those may be needed to import what it trains with."""
    _, id_, attempt = launched(
        cli,
        tiny,
        **{"max_steps": 100_000, "mid_eval.every_steps": 5000, "slurm.time_min": 3, "slurm.grace_s": 170},
    )
    with followed(attempt, cluster):
        until(lambda: any(attempt.checkpoints.glob("step_*")))
        until(lambda: state(cli, id_) == "queued")
    saved = max(int(path.name[5:]) for path in attempt.checkpoints.glob("step_*"))
    other = attempt.log.with_name("trainer.node1.log").read_text()
    assert "--machine_rank 1" in other
    # torch's agent may log, after its trainer is done, that the first node's agent has left before it.
    assert not re.search(r"^(\[rank\d+\]: )?Traceback", other, re.M), (
        "it heard of the stop from the first node"
    )
    rows = [row["step"] for row in read_rows(attempt.metrics) if "loss" in row]
    assert rows == list(range(1, saved + 1)), "rank 0 alone writes, up to its checkpoint"


@needs_slurm
@pytest.mark.ml
@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_a_stop_on_two_nodes_makes_a_checkpoint_and_both_resume_from_it(
    cli: Cli,
    cluster: Cluster,  # noqa: F811
    tiny: Tiny,  # noqa: F811
) -> None:
    ws, id_, attempt = launched(cli, tiny)
    with followed(attempt, cluster):
        until(lambda: step(cli, id_) > 3)
        lifecycle.stop(ws, id_)
        until(lambda: state(cli, id_) not in ("running", "stopping"))
        assert state(cli, id_) == "stopped", logs_of(attempt)
        assert [path.name for path in attempt.checkpoints.glob("step_*")], logs_of(attempt)
        until(lambda: (job := slurm.job_of(attempt)) is None or not job.alive)
        lifecycle.resume(ws, id_)
        until(lambda: state(cli, id_) == "finished")
    assert attempt.log.with_name("trainer.node1.log").read_text().count("--machine_rank 1") == 2
    assert ws.experiment(id_).status == "evaluated"
    rows = [row["step"] for row in read_rows(attempt.metrics) if "loss" in row]
    assert rows == list(range(1, 121)), "no step twice, none left out"


def preempted(cli: Cli, cluster: Cluster, id_: str, attempt: AttemptLayout) -> str:  # noqa: F811
    """Take one of the run's nodes from it; gives the checkpoint that it left, once the job is in line again."""
    words = ("sbatch", "--parsable", "-p", "urgent", "-c", "2", "-o", "/dev/null", "--wrap", "sleep 1")
    urgent = cluster(*words).strip()
    assert urgent.isdigit(), urgent
    until(lambda: state(cli, id_) == "queued")
    saved = [path.name for path in attempt.checkpoints.glob("step_*")]
    assert saved, "preempted without a checkpoint"
    return max(saved)


def give_back_its_node(cluster: Cluster, attempt: AttemptLayout) -> str:  # noqa: F811
    """Let the job have its node at once; gives its number."""
    job = str(slurm.job_id(attempt))
    cluster("scontrol", "update", f"JobId={job}", "StartTime=now")
    return job


def held_out_passes(attempt: AttemptLayout) -> int:
    """How often one has begun."""
    stages = [row for row in read_rows(attempt.events) if row["kind"] == "stage"]
    return sum(row["name"] == "evaluating" and "held-out" in row["detail"] for row in stages)


@needs_slurm
@pytest.mark.ml
@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_preempted_on_a_node_it_resumes_on_both_and_after_its_last_step_makes_up_for_the_held_out_pass_alone(
    cli: Cli,
    cluster: Cluster,  # noqa: F811
    tiny: Tiny,  # noqa: F811
) -> None:
    """The first time wherever in the run that is: a fast machine may be past its last step when it is told."""
    _, id_, attempt = launched(cli, tiny, **{"generation.batch_size": 4})
    with followed(attempt, cluster):
        until(lambda: step(cli, id_) > 3)
        saved = preempted(cli, cluster, id_, attempt)
        before = held_out_passes(attempt)
        give_back_its_node(cluster, attempt)
        until(lambda: held_out_passes(attempt) > before)
        assert preempted(cli, cluster, id_, attempt) == "step_000120"
        job = give_back_its_node(cluster, attempt)
        until(lambda: "JobState=COMPLETED" in cluster("scontrol", "show", "job", job))
        assert "ExitCode=0:0" in cluster("scontrol", "show", "job", job)
        assert state(cli, id_) == "finished"
    facts = read_facts(attempt.process)
    assert facts is not None
    assert (facts.exit_code, facts.stop_reason) == (0, None)
    told = [row["text"] for row in read_rows(attempt.events) if row["kind"] == "notice"]
    assert f"Resumed from {saved}." in told
    other = attempt.log.with_name("trainer.node1.log").read_text()
    begun = [line for line in other.splitlines() if line.startswith("== ")]
    assert [line.endswith(" --resume") for line in begun if "--machine_rank 1" in line] == [False, True, True]
    assert f"== training in process 1 from {saved}" in begun, "it goes on from where the first node says"
    rows = [row["step"] for row in read_rows(attempt.metrics) if "loss" in row]
    assert rows == list(range(1, 121)), "no step twice, none left out, nothing trained again"
    ends = [row["outcome"] for row in read_rows(attempt.events) if row["kind"] == "end"]
    assert ends[-1] == "finished"
    assert [row["n"] for row in read_rows(attempt.events) if row["kind"] == "held_out"] == [200]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage]
    yield
    slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage]
