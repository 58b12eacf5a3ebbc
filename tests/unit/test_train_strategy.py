"""Several workers, as real processes that find each other on the loopback address."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fer_core.errors import TrainingError
from fer_core.train import configure, train
from fer_core.train.runs import TrainingRun

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "model": "vgg",
    "model_options": {"widths": [6, 8], "convolutions": [1, 1], "dense": [], "dropout": 0.3},
    "data": "demo",
    "epochs": 2,
    "batch_size": 64,
    "strategy": "multiworker",
}
#: Trains, and says what this process had at the end: its kernels, and where its run was.
#: (The running statistics of BatchNorm are each worker's own.)
WORKER = """
import hashlib, json, sys
from fer_core import train
run = train.train(train.configure(**json.loads(sys.argv[1])))
weights = run.load_arrays("checkpoint.npz")["model"]
digest = hashlib.sha256(b"".join(w.tobytes() for w in weights if w.ndim > 1)).hexdigest()
print(json.dumps([digest, str(run.path)]))
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.mark.slow
def test_two_workers_train_one_network(tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, json.dumps(CONFIG)],
                env=os.environ | {"TF_CONFIG": json.dumps(task), "FER_HOME": str(tmp_path)},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=(tmp_path / f"worker{index}").open("w", encoding="utf-8"),
                text=True,
                encoding="utf-8",
            )
        )
    try:
        said = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = [(tmp_path / f"worker{index}").read_text(encoding="utf-8")[-2000:] for index in range(2)]
    assert [p.returncode for p in processes] == [0, 0], logs
    (digest, path), (others, elsewhere) = (json.loads(s.splitlines()[-1]) for s in said)

    # Each saw its own half of every batch, and yet they have learnt the same.
    assert digest == others
    # The first keeps the run, the other nothing.
    assert [str(folder) for folder in (tmp_path / "runs").iterdir()] == [path]
    saved_run = TrainingRun(Path(path))
    assert saved_run.state()["status"] == "trained"
    assert [row["epoch"] for row in saved_run.metrics()] == [1, 2]
    assert not Path(elsewhere).exists()


def test_without_the_other_workers_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(TrainingError, match="TF_CONFIG"):
        train(configure(**CONFIG))
