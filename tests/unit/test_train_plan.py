"""Training plans: what they may say, what comes next, and the whole way with a tiny network."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fer_core.classifier import load_classifier
from fer_core.cli import cli
from fer_core.datasets import demo, load
from fer_core.errors import FerError, TrainingError
from fer_core.models.catalogue import find_model
from fer_core.settings import settings
from fer_core.system import has_gpu, is_posix
from fer_core.train import estimate
from fer_core.train.plan import Plan, read
from fer_core.train.plan_order import Cost, Standing, choose, shorter, step
from fer_core.train.runs import TrainingRun
from fer_core.zoo import plan_archive, plan_state
from fer_core.zoo.plan import Conductor, configurations
from fer_core.zoo.plan_hands import ThisProcess
from tests.command_line import ROOT, fer_core
from tests.model_tools import copy_of_shipped

RECIPE = """
preset = "quick"
recipe = { model_options = { widths = [4, 6], convolutions = [1, 1] }, batch_size = 32 }
"""
TINY_PLAN = f"""
name = "tiny"
title = "Two tiny networks and their vote"
reasons = "It takes seconds."

[[runs]]
name = "first"
model = "fast"
epochs = 3
min_epochs = 2
expected = [[1, 0.3], [3, 0.5]]
{RECIPE}

[[runs]]
name = "second"
model = "fast"
teacher = "first"
epochs = 2
min_epochs = 1
expected = [[1, 0.3], [3, 0.5]]
{RECIPE}

[[ensembles]]
name = "both"
members = ["first", "second"]
expected = 0.6
"""
#: The second network also begins as the first one, trained.
BEGUN_PLAN = ', weights = "first" }'.join(TINY_PLAN.rsplit(" }", 1))


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_DATA", raising=False)
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def write(folder: Path, text: str = TINY_PLAN) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def tiny(folder: Path, text: str = TINY_PLAN) -> Plan:
    return read(write(folder, text))


def conductor(plan: Plan, data, seconds: float = 1e6, **more) -> tuple[Conductor, list[str]]:
    said: list[str] = []
    configs = configurations(plan, "demo", None)
    # A trial would take seconds for each kind of run.
    hands = ThisProcess(data, {estimate.kind(config): 500.0 for config in configs.values()})
    return Conductor(plan, configs, data, hands, seconds, said.append, **more), said


# -- the format


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "tiny"', "", "name: It is missing."),
        ("min_epochs = 2", "min_epochs = 4", "runs.first: min_epochs is 4, more than epochs"),
        ("min_epochs = 2", "min_epoch = 2", "runs.first.min_epoch"),
        ("epochs = 3", 'epochs = "many"', "runs.first.epochs: "),
        ("[[1, 0.3], [3, 0.5]]", "[[3, 0.3], [1, 0.5]]", "must rise from pair to pair"),
        ('"quick"', '"best"', "runs.first.recipe: Unknown preset 'best'"),
        ("batch_size = 32", "batch = 32", "runs.first.recipe: batch: There is no such setting"),
        ("batch_size = 32", "seed = 3", "recipe cannot have seed: that is the run's seeds"),
        ('model = "fast"', 'model = "fastest"', "runs.first.recipe: "),
        ('teacher = "first"', 'teacher = "both"', "second, both wait for each other"),
        ('teacher = "first"', 'seeds = [1, 1]', "has one of them twice"),
        ('members = ["first", "second"]', 'members = ["first"]', "two models or more"),
        ('members = ["first", "second"]', 'members = ["first", "both"]', "an ensemble itself"),
        ('name = "both"', 'name = "first"', "are called 'first'"),
        ('name = "both"', 'name = "No Name"', "ensembles.No Name.name: A name has small letters"),
        ("expected = 0.6", "weights = [1.0]", "There are 2 members and 1 weights"),
        ('title = "', "title = 3 #", "title: "),
        ("[[runs]]", "[[runs", "is no TOML file"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_plan_is_one_sentence_with_its_place(home, old, new, words):
    assert old in TINY_PLAN
    with pytest.raises(TrainingError) as caught:
        read(write(home, TINY_PLAN.replace(old, new, 1)))
    assert words in str(caught.value) and str(home / "plan.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_with_several_seeds_is_several_trainings_and_no_single_teacher(home):
    text = TINY_PLAN.replace('name = "first"', 'name = "first"\nseeds = [3, 5]', 1)
    with pytest.raises(TrainingError, match="first has several seeds: name one of first-s3"):
        tiny(home, text)
    plan = tiny(home, text.replace('teacher = "first"', 'teacher = "first-s5"'))
    assert [item.name for item in plan.items()] == ["first-s3", "first-s5", "second"]
    assert plan.members(plan.ensembles[0]) == ["first-s3", "first-s5", "second"]
    assert plan.needs("second") == ["first-s5"]
    assert plan.config(plan.items()[1], "demo").seed == 5


def test_a_run_begins_as_one_network_of_the_plan(home):
    plan = tiny(home, BEGUN_PLAN.replace('teacher = "first"', ""))
    assert plan.needs("second") == ["first"]
    several = BEGUN_PLAN.replace('teacher = "first"', "").replace(
        'name = "first"', 'name = "first"\nseeds = [3, 5]\npublish = "beginner"', 1
    )
    with pytest.raises(TrainingError, match="second.recipe.weights: first has several seeds"):
        tiny(home, several)
    plan = tiny(home, several.replace('weights = "first"', 'weights = "first-s5"'))
    assert plan.config(plan.item("second"), "demo").weights == "beginner-s5"
    with pytest.raises(TrainingError, match="both is an ensemble, which no network can begin as"):
        tiny(home, TINY_PLAN + '''
[[runs]]
name = "third"
model = "fast"
epochs = 2
min_epochs = 1
expected = [[1, 0.3]]
recipe = { weights = "both" }
''')  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "plans").glob("*.toml")), ids=lambda p: p.stem)
def test_the_plans_that_ship_can_be_read_and_name_models_that_are_there(path):
    plan = read(path)
    assert plan.name == path.stem
    for name in plan.models():
        find_model(name)


# -- the order


def test_accuracy_is_interpolated_over_the_logarithm_of_the_epochs(home):
    run = tiny(home).runs[0]
    assert run.expected_accuracy(0) == 0.25
    assert run.expected_accuracy(1) == pytest.approx(0.3)
    assert run.expected_accuracy(3) == run.expected_accuracy(300) == 0.5
    assert run.expected_accuracy(2) == pytest.approx(0.3 + 0.2 * math.log(1.5) / math.log(2))


def of(plan: Plan, **changes: Standing) -> dict[str, Standing]:
    return {item.name: Standing(item) for item in plan.items()} | changes


def test_a_new_run_gets_the_whole_time_as_one_cycle_and_never_too_little(home):
    item = tiny(home).items()[0]
    cost = Cost(epoch=10, besides=5)
    assert step(Standing(item), cost, 1000).epochs == 3
    assert step(Standing(item), cost, 25).epochs == 2
    assert step(Standing(item), cost, 24) is None
    # Of more epochs than 'expected' has nothing more is expected, unless a target is missed.
    more = tiny(home, TINY_PLAN.replace("epochs = 3", "epochs = 9", 1)).items()[0]
    assert step(Standing(more), cost, 1000).epochs == 3


def test_an_interrupted_run_keeps_its_cycle_where_it_fits_and_gets_a_shorter_one_else(home):
    item = tiny(home, TINY_PLAN.replace("epochs = 3", "epochs = 9", 1)).items()[0]
    interrupted = Standing(item, done=3, planned=8, best=0.4)
    kept = step(interrupted, Cost(10, 0), 50)
    assert (kept.epochs, kept.changes) == (8, False)
    cut = step(interrupted, Cost(10, 0), 30)
    assert (cut.epochs, cut.changes) == (6, True)


def test_a_trained_run_is_done_at_its_target_and_gets_a_further_cycle_below(home):
    text = TINY_PLAN.replace("epochs = 3", "epochs = 9\ntarget = 0.45", 1)
    item = tiny(home, text).items()[0]
    assert Standing(item, 4, 4, 0.45, trained=True).is_done
    below = Standing(item, 4, 4, 0.44, trained=True)
    assert not below.is_done and step(below, Cost(10, 0), math.inf).epochs == 9
    assert step(below, Cost(10, 0), 19) is None
    assert Standing(item, 8, 8, 0.44, trained=True).is_done


def test_the_highest_gain_per_minute_comes_first_and_counts_what_it_unlocks(home):
    plan = tiny(home, TINY_PLAN.replace('teacher = "first"', "before = 0.35", 1))
    costs = {"first": Cost(10, 0), "second": Cost(10, 0)}
    assert choose(plan, of(plan), costs, 1000).item.name == "first"
    slow = costs | {"first": Cost(1000, 0)}
    assert choose(plan, of(plan), slow, 1e6).item.name == "second"
    # A prerequisite that gains nothing by itself goes before what gains a little.
    chain = tiny(home, TINY_PLAN.replace("epochs = 3", "epochs = 3\nbefore = 0.5", 1))
    assert choose(chain, of(chain), costs, 1000).item.name == "first"
    done = {"first": Standing(chain.items()[0], 3, 3, 0.5, trained=True)}
    assert choose(chain, of(chain, **done), costs, 1000).item.name == "second"
    assert choose(chain, of(chain), costs, 1000, busy=["first"]) is None


def test_a_run_that_is_too_slow_gets_as_many_epochs_as_still_fit():
    assert shorter(done=2, planned=10, epoch=10, seconds=80) is None
    assert shorter(done=2, planned=10, epoch=10, seconds=79.5) is None
    assert shorter(done=2, planned=10, epoch=20, seconds=80) == 6
    assert shorter(done=2, planned=10, epoch=100, seconds=80) == 2


# -- carried out


@pytest.fixture(scope="module")
def data():
    return demo.load(160, 70, 35, seed=4)


def test_a_plan_is_trained_published_and_voted_on_and_goes_on_elsewhere(home, data):
    plan = tiny(home, BEGUN_PLAN)
    plan_run, said = conductor(plan, data)
    plan_run.carry_out()
    assert [row.status for row in plan_state.rows(plan)] == ["done", "done", "made"], said
    runs = plan_state.runs_of(plan)
    assert [runs[name].config.epochs for name in ("first", "second")] == [3, 2]
    assert runs["second"].config.teacher == "first"
    card = find_model("first").card
    assert card.tta == "flip" and card.stored == "float16"
    assert find_model("second").card.starting_weights.startswith("the model `first`, 3 epochs, ")
    # PrivateTest is for a person to ask for, once.
    for name in ("first", "second", "both"):
        assert {figure.split for figure in find_model(name).card.figures} == {"PublicTest"}
    steps = plan_run.next_steps(["train-plan"], "demo")
    assert any("--model both --data demo --split PrivateTest" in line for line in steps)

    before = [path.stat().st_mtime_ns for path in settings().models.glob("*/card.json")]
    again, _ = conductor(plan, data)
    again.carry_out()
    assert before == [path.stat().st_mtime_ns for path in settings().models.glob("*/card.json")]

    packed = home / "state.zip"
    assert len(plan_archive.pack(plan, packed)) == 2
    with pytest.raises(FerError, match="exists"):
        plan_archive.pack(plan, packed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home / "elsewhere"))
        settings.cache_clear()
        assert len(plan_archive.unpack(plan, packed)) == 2
        assert plan_archive.unpack(plan, packed) == []
        rows = plan_state.rows(plan)
        assert [row.status for row in rows] == ["done", "done", "to do"]
        assert [row.model for row in rows] == [None] * 3


@pytest.mark.slow
def test_models_are_made_of_the_runs_that_came_from_elsewhere(home, data):
    plan = tiny(home)
    conductor(plan, data)[0].carry_out()
    plan_archive.pack(plan, home / "state.zip")
    probabilities = load_classifier("both").predict_faces(data.faces[:8])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home / "elsewhere"))
        settings.cache_clear()
        plan_archive.unpack(plan, home / "state.zip")
        conductor(plan, data)[0].carry_out()
        assert [row.status for row in plan_state.rows(plan)] == ["done", "done", "made"]
        theirs = load_classifier("both").predict_faces(data.faces[:8])
    assert theirs == pytest.approx(probabilities, abs=0.01)


def test_a_run_that_is_slower_than_estimated_is_shortened_where_little_is_lost(home, data):
    plan = tiny(home, TINY_PLAN.replace("epochs = 3", "epochs = 40", 1))
    plan_run, said = conductor(plan, data, clock=lambda: 0.0)
    run = TrainingRun.create(plan_run.configs["first"])
    plan_state.mark(run, plan, plan.items()[0])
    plan_run._deadline = 60.0 + 1000.0  # a minute for publishing

    def at(epoch: int, step: int, epoch_seconds: float) -> dict:
        ahead = 41 - epoch - step / 100
        left = ahead * epoch_seconds
        return {"epoch": epoch, "epochs": 40, "step": step, "steps": 100, "seconds_left": left}

    with run.lock():
        run.write_state(status="running")
        assert plan_run.needed_epochs(run, {}) is None
        assert plan_run.needed_epochs(run, at(1, 50, 25)) is None
        assert plan_run.needed_epochs(run, at(1, 2, 50)) is None, "its first steps say little"
        assert plan_run.needed_epochs(run, at(1, 50, 50)) == 20
        assert said == ["first is slower than estimated and is shortened from 40 to 20 epochs."]
        run.write_state(epoch=10)
        assert plan_run.needed_epochs(run, at(11, 50, 50)) is None, "half an epoch would be lost"
        assert plan_run.needed_epochs(run, at(10, 99, 50)) is None, (
            "what was written before the epoch"
        )
        assert plan_run.needed_epochs(run, at(11, 10, 50)) == 30
        run.write_metrics([{"epoch": 10, "seconds": 20.0}])
        assert plan_run.needed_epochs(run, at(11, 10, 50)) is None, "the epoch before was quick"
        plan_run._deadline = 0.0
        assert plan_run.needed_epochs(run, at(11, 50, 25)) == 10
    assert plan_run.needed_epochs(run, at(11, 10, 50)) is None, "nothing trains it"


@pytest.mark.slow
def test_a_shortened_run_gets_a_complete_cycle_of_what_is_left(home, data):
    plan = tiny(home, TINY_PLAN.replace("epochs = 3", "epochs = 40", 1))
    plan_run, _ = conductor(plan, data)
    run = TrainingRun.create(plan_run.configs["first"])
    answers = iter([None] * 7 + [6])
    plan_run.hands.train(run, 40, lambda _, __: next(answers, None))
    assert run.state()["status"] == "trained" and run.state()["epoch"] == 6
    assert run.history()[0]["changes"]["epochs"] == [40, 6]
    rates = [row["learning_rate"] for row in run.metrics()]
    assert len(rates) == 6 and rates[-1] < 0.1 * max(rates)


@pytest.mark.slow
def test_an_unfinished_run_is_packed_with_what_it_goes_on_from(home, data):
    plan = tiny(home)
    item = plan.items()[0]
    run = TrainingRun.create(configurations(plan, "demo", None)["first"])
    plan_state.mark(run, plan, item)
    from fer_core.train.fit import fit

    def halt(progress):
        if (progress.epoch, progress.step) == (3, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt)
    plan_archive.pack(plan, home / "state.zip")
    small = (home / "state.zip").stat().st_size
    mine = run.load_checkpoint()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home / "elsewhere"))
        settings.cache_clear()
        plan_archive.unpack(plan, home / "state.zip")
        there = plan_state.runs_of(plan)["first"]
        theirs = there.load_checkpoint()
        for name in mine:
            for one, other in zip(mine[name], theirs[name], strict=True):
                assert one.dtype == other.dtype
                assert other == pytest.approx(one, rel=2e-3, abs=1e-4)
        fit(there, data)
        assert there.state()["status"] == "trained" and there.state()["epoch"] == 3
    assert small < 200_000


@pytest.mark.slow
def test_a_packed_run_goes_on_with_another_backend(home):
    pytest.importorskip("jax")
    from fer_core.train.fit import fit

    plan = tiny(home)
    run = TrainingRun.create(configurations(plan, "demo", None)["first"])
    plan_state.mark(run, plan, plan.items()[0])

    def halt(progress):
        if (progress.epoch, progress.step) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(run, load("demo"), halt)
    plan_archive.pack(plan, home / "state.zip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home / "elsewhere"))
        settings.cache_clear()
        plan_archive.unpack(plan, home / "state.zip")
        done = fer_core("train", "--resume", run.name, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
        assert done.returncode == 0, done.stderr
        state = plan_state.runs_of(plan)["first"].state()
    assert (state["status"], state["epoch"], state["backend"]) == ("trained", 3, "jax")


def test_a_file_that_is_no_state_of_the_plan_is_refused(home):
    plan = tiny(home)
    (home / "state.zip").write_text("no archive", encoding="utf-8")
    with pytest.raises(TrainingError, match="is no state of a plan"):
        plan_archive.unpack(plan, home / "state.zip")
    with pytest.raises(TrainingError, match="cannot be unpacked"):
        plan_archive.unpack(plan, home / "nothing.zip")
    with pytest.raises(TrainingError, match="nothing to pack"):
        plan_archive.pack(plan, home / "new.zip")
    assert not list(settings().runs.glob("*"))


def test_models_of_others_stop_a_plan_before_anything_is_trained(home, data):
    copy_of_shipped(settings().models, "second")
    plan_run, _ = conductor(tiny(home), data)
    with pytest.raises(FerError, match="runs.second.publish: There is a model 'second' here"):
        plan_run.carry_out()
    plan = tiny(home, TINY_PLAN.replace('teacher = "first"', 'teacher = "nobody"'))
    with pytest.raises(FerError, match="tiny needs the model nobody"):
        conductor(plan, data)[0].carry_out()
    assert not list(settings().runs.glob("*/config.json"))


def test_the_command_says_what_it_needs(home):
    path = write(home)
    for arguments, words in (
        ([], "Give one of --minutes, --dry-run"),
        (["--minutes", "5", "--status"], "Give one of --minutes"),
        (["--minutes", "5"], "A plan needs a dataset"),
    ):
        done = CliRunner().invoke(cli, ["train-plan", str(path), *arguments])
        assert words in str(done.exception)
    if not has_gpu():
        asked = ["train-plan", str(path), "--minutes", "5", "--data", "demo", "--device", "gpu"]
        assert "has no GPU" in str(CliRunner().invoke(cli, asked).exception)
    done = CliRunner().invoke(cli, ["train-plan", str(path), "--status", "--json"])
    parts = json.loads(done.stdout)["parts"]
    assert [part["status"] for part in parts] == ["to do"] * 3


@pytest.mark.slow
def test_a_dry_run_trains_everything_and_leaves_nothing(home):
    done = fer_core(
        "train-plan", write(home, BEGUN_PLAN), "--dry-run", "--data", "demo", "--json",
        FER_HOME=str(home / "home"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["name"] for one in found] == ["first", "second", "both"]
    assert all(one["error"] is None for one in found)
    assert found[0]["most_minutes"] >= found[0]["least_minutes"] > 0
    assert not list((home / "home").glob("runs/*")) + list((home / "home").glob("models/*"))


@pytest.mark.slow
def test_workers_carry_a_plan_out(home):
    path = write(home)
    done = fer_core(
        "train-plan", path, "--minutes", "10", "--data", "demo", "--device", "cpu", "--json",
        FER_HOME=str(home / "home"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = json.loads(done.stdout)["parts"]
    assert [part["status"] for part in parts] == ["done", "done", "made"]
    assert "a complete cycle" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not is_posix(), reason="Windows has no SIGINT for another process")
def test_ctrl_c_stops_in_order_and_the_run_can_go_on(home):
    text = TINY_PLAN.replace("epochs = 3", "epochs = 3000", 1)
    path = write(home, text.replace("[3, 0.5]", "[3000, 0.5]", 1))
    command = [sys.executable, "-m", "fer_core", "train-plan", str(path), "--data", "demo"]
    process = subprocess.Popen(
        [*command, "--minutes", "600", "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    deadline = time.monotonic() + 250
    while not list(settings().runs.glob("*/metrics.jsonl")) or not any(
        one.state().get("epoch") for one in plan_state.runs_of(read(path)).values()
    ):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1 and "Stopped." in said and "Traceback" not in said
    assert "first goes on when the plan does" in said
    row = plan_state.rows(read(path))[0]
    assert row.status == "stopped" and row.epochs >= 1
    assert not plan_state.runs_of(read(path))["first"].busy()
