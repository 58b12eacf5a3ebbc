"""Other machines, other users, full disks, and the user's own settings of Keras."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_core.cli import cli
from fer_core.datasets import demo
from fer_core.errors import FerError, ModelError, TrainingError
from fer_core.models.keras_settings import check_keras
from fer_core.settings import settings
from fer_core.system import ProcessIdentity
from fer_core.train import configure, queue, runs
from fer_core.train.runs import TrainingRun
from tests.command_line import fer_core
from tests.model_tools import TINY


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_DATA", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    settings.cache_clear()
    yield settings().home
    monkeypatch.undo()
    settings.cache_clear()


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert isinstance(result.exception, FerError), (result.output, result.exception)
    return str(result.exception)


# -- workers


@pytest.mark.parametrize("other", [{"host": "sigma"}, {"space": "pid:[7]"}])
@pytest.mark.parametrize("locked", [True, False])
def test_a_run_of_another_machine_is_told_where_and_left_alone(home, other, locked):
    run = TrainingRun.create(configure(**TINY))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as unrelated:
        identity = ProcessIdentity.of(unrelated.pid).to_json() | other
        where = f"{identity['host']} (process {unrelated.pid})"

        def check() -> None:
            (run.path / "worker.json").write_text(json.dumps(identity), encoding="utf-8")
            run.write_state(status="running")
            for verb in ("stop", "pause"):
                said = refused("runs", verb, run.name)
                assert f"on another machine, {where}: {verb} it there" in said
            assert unrelated.poll() is None
            assert run.state()["status"] == ("running" if locked else "interrupted")
            if locked:
                assert "already" in refused("runs", "resume", run.name)
            else:
                assert "resume it here" in said

        if locked:
            with run.lock():
                check()
        else:
            check()
        unrelated.communicate(b"\n")


def test_a_process_of_another_user_is_not_waited_for(home, monkeypatch):
    run = TrainingRun.create(configure(**TINY))
    with run.lock():
        run.write_state(status="running")
        monkeypatch.setattr("fer_core.system.ask_to_end", lambda process: False)
        monkeypatch.setattr("fer_core.system.suspend", lambda process: False)
        with pytest.raises(TrainingError, match="another user: only they can stop it"):
            runs.stop(run.name)
        with pytest.raises(TrainingError, match="cannot be paused"):
            runs.pause(run.name)


@pytest.fixture
def read_only(monkeypatch):
    """Folders in which this process may make no files; tests may run as root, who always may."""
    protected: list[Path] = []
    real = os.open

    def open_(path, flags, *arguments, **options):
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and any(Path(os.fsdecode(path)).is_relative_to(p) for p in protected):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", open_)
    return protected


def test_the_folder_of_another_user_is_a_sentence(home, read_only):
    run = TrainingRun.create(configure(**TINY))
    read_only.append(run.path)
    for begin in (lambda: runs.resume(run.name), lambda: queue.resume(run.name, epochs=2)):
        with pytest.raises(TrainingError, match="Permission denied. It belongs to another user"):
            begin()
    read_only[:] = [settings().runs]
    with pytest.raises(FerError, match="cannot be written: Permission denied"):
        queue.submit(configure(**TINY))


def test_no_error_of_the_system_is_a_traceback(home, tmp_path, capsys, monkeypatch):
    from fer_core.cli import main

    def fails(run: TrainingRun) -> None:
        raise PermissionError(13, "Permission denied", str(run.path / "state.json"))

    run = TrainingRun.create(configure(**TINY))
    monkeypatch.setattr(TrainingRun, "metrics", fails)
    with pytest.raises(SystemExit) as ended:
        main(["runs", "show", run.name])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {run.path / 'state.json'}: Permission denied.\n"


# -- full disks


@pytest.fixture
def trained(home) -> TrainingRun:
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY))
    fit(run, demo.load(35, 14, 14, seed=1))
    return run


@pytest.mark.slow
@pytest.mark.parametrize("room", [2000, 30_000])
def test_a_full_disk_while_publishing_is_a_sentence_and_leaves_nothing(trained, room):
    from fer_core.zoo.publish import publish

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(ModelError, match="cannot be written to .*too large.*Make room"):
            publish(trained, demo.load(35, 14, 14, seed=1), settings().models / "mine", brief=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(settings().models.iterdir()) == []
    assert trained.state()["status"] == "trained"


# -- Keras


def own_settings(**values: object) -> None:
    folder = Path(os.environ["KERAS_HOME"])
    folder.mkdir(exist_ok=True)
    (folder / "keras.json").write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    ("backend", "file", "words"),
    [
        ("mxnet", {}, "KERAS_BACKEND is 'mxnet', with which nothing can be trained"),
        (None, {"backend": "theano"}, "keras.json is 'theano'"),
        (None, {"floatx": "float8"}, "floatx is 'float8', which Keras does not know"),
        (None, {"image_data_format": "first"}, "image_data_format is 'first'"),
        (None, {"epsilon": 1}, "epsilon is no decimal number"),
        ("absent", {}, "the package absent_package is not installed"),
    ],
)
def test_what_keras_cannot_begin_with_is_said_before_a_run_is_made(
    home, monkeypatch, backend, file, words
):
    monkeypatch.setattr(
        "fer_core.models.keras_settings._BACKENDS",
        {"tensorflow": "tensorflow", "absent": "absent_package"},
    )
    if backend:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    own_settings(**file)
    line = ["train", "--model", "fast", "--data", "demo", "--epochs", "1"]
    for more in ([], ["--background"]):
        assert words in refused(*line, *more)
    assert runs.list_runs() == []
    # A damaged file is nothing to Keras either.
    (Path(os.environ["KERAS_HOME"]) / "keras.json").write_text("{", encoding="utf-8")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    check_keras("Training")


@pytest.mark.slow
def test_the_users_settings_of_keras_change_no_result(home, trained):
    """Train and publish the same again, in a process that has other settings."""
    own = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}
    own_settings(**own)
    run = TrainingRun.create(configure(**TINY | {"epochs": 2}))
    code = f"""
import keras
before = (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
assert before == ("float16", 0.1, "channels_first"), before
from fer_core.datasets import demo
from fer_core.train import change
from fer_core.train.fit import fit
from fer_core.train.runs import TrainingRun
from fer_core.settings import settings
from fer_core.zoo.publish import publish
run, data = TrainingRun.open({run.name!r}), demo.load(35, 14, 14, seed=1)
fit(run, data)
folder = publish(run, data, settings().models / "mine", brief=True)
assert folder.card.figure("PublicTest").n == 14
now = (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
assert now == before, now
"""
    # The limit for debugging would end the run after one epoch and call it trained.
    env = os.environ | {"KERAS_MAX_EPOCHS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, cwd=Path(__file__).parents[2])
    file = Path(os.environ["KERAS_HOME"]) / "keras.json"
    assert json.loads(file.read_text(encoding="utf-8")) == own
    assert len(run.metrics()) == 2

    from fer_core.train.fit import fit

    same = TrainingRun.create(configure(**TINY | {"epochs": 2}))
    fit(same, demo.load(35, 14, 14, seed=1))
    for one, other in zip(
        run.load_arrays("best.npz")["model"], same.load_arrays("best.npz")["model"], strict=True
    ):
        assert one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.slow
def test_a_whole_command_line_works_with_the_users_settings(home):
    own_settings(floatx="float16", image_data_format="channels_first")
    options = json.dumps(TINY["model_options"])
    done = fer_core(
        "train", "--model", "vgg", "--data", "demo", "--epochs", "1",
        "--set", f"model_options={options}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
