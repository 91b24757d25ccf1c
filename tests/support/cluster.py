"""A real Slurm on this machine: two nodes on 127.0.0.1, in a folder of their own, with ports of their own.

with Cluster(folder) as cluster: os.environ |= cluster.env
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.support.attempts import PATIENCE_S, free_port

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")

CONFIG = """\
ClusterName=cockpit
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
SlurmctldPort={controller}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
JobRequeue=1
FirstJobId={job}
KillWait=120
MessageTimeout=30
MailProg=/bin/true
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=2 RealMemory=2000 State=UNKNOWN
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=one Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=5
PartitionName=urgent Nodes=one MaxTime=INFINITE State=UP PriorityTier=10
PartitionName=both Nodes=one,two MaxTime=INFINITE State=UP PriorityTier=1
"""


def missing() -> str:
    """Why there can be no cluster here; empty where there can."""
    absent = [name for name in NEEDED if shutil.which(name, path=_path()) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "the daemons of a Slurm of our own have to be started by root"


class Cluster:
    """Started by `with`; its daemons end with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"SLURM_CONF": str(root / "slurm.conf"), "PATH": _path()}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        self.root.chmod(0o755)
        for name in ("state", "spool-one", "spool-two"):
            (self.root / name).mkdir()
        key = self.root / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        host = socket.gethostname().split(".")[0]
        controller, first, second = free_port(), free_port(), free_port()
        # A job's number makes the port where its nodes meet, and there may be two clusters on this machine.
        job = random.randrange(1, 11_000)
        text = CONFIG.format(
            root=self.root, host=host, controller=controller, first=first, second=second, job=job
        )
        (self.root / "slurm.conf").write_text(text)
        munge = [f"--{name}={self.root}/{file}" for name, file in
                 (("key-file", "key"), ("socket", "munge.socket"), ("pid-file", "munged.pid"),
                  ("log-file", "munged.log"), ("seed-file", "munge.seed"))]  # fmt: skip
        self._start("munged", "--foreground", "--force", *munge)
        self._until(lambda: (self.root / "munge.socket").exists(), "munged")
        self._start("slurmctld", "-D", "-f", str(self.root / "slurm.conf"))
        for node in ("one", "two"):
            self._start("slurmd", "-D", "-N", node, "-f", str(self.root / "slurm.conf"))
        self._until(
            lambda: self("sinfo", "-h", "-N", "-p", "both", "-o", "%T").count("idle") == 2, "the nodes"
        )
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self("scancel", "--user=root")
        self("scancel", "--user=root", "--signal=KILL")
        deadline = time.monotonic() + 10
        while self._steps() and time.monotonic() < deadline:
            time.sleep(0.1)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for pid in self._steps():  # one that waits for a node that a test took away waits for ever
            os.kill(pid, signal.SIGKILL)

    def _steps(self) -> list[int]:
        """Slurm's processes that look after a step of a job here."""
        mine = f"SLURM_CONF={self.env['SLURM_CONF']}".encode()
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                is_step = (folder / "comm").read_text().strip() == "slurmstepd"
                if is_step and mine in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def __call__(self, *words: str) -> str:
        """One command of Slurm's; gives what it printed."""
        done = subprocess.run(
            words, env=os.environ | self.env, capture_output=True, text=True, timeout=180, check=False
        )
        return done.stdout + done.stderr

    def _start(self, *words: str) -> None:
        log = (self.root / f"{words[0]}-{len(self._daemons)}.out").open("wb")
        with log:
            daemon = subprocess.Popen(
                words, env=os.environ | self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._daemons.append(daemon)

    def _until(self, condition: object, what: str) -> None:
        assert callable(condition)
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                told = "\n".join(path.read_text(errors="replace")[-1500:] for path in self.root.glob("*.out"))
                raise RuntimeError(f"{what} did not come up:\n{told}")
            time.sleep(0.1)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
