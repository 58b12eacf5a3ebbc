"""The state of a plan as one small file, to go on with it on another machine.

It is a ZIP file with a folder for each run of the plan: its settings, its figures, its best
weights and, unless it is done, its checkpoint. Weights are carried as float16, an optimiser's
averages by their roots in float16, so a run goes on nearly, but not to the bit, as it would have
gone on here. Faces are not in it, and models are not either: the machine where a plan goes on
makes them of the runs.
"""

import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from fer_core.errors import TrainingError
from fer_core.files import check_outputs, printable, write_json, writing
from fer_core.settings import settings
from fer_core.train.config import TrainConfig
from fer_core.train.origin import ORIGIN_FILES
from fer_core.train.plan import Plan
from fer_core.train.runs import CHECKPOINT, NAME, TrainingRun
from fer_core.zoo import plan_state
from fer_core.zoo.plan_state import PLAN_FILE

#: Files that are carried as they are, as far as they are there.
_AS_THEY_ARE: Final = ("metrics.jsonl", "evaluation.json", "teacher.npz", *ORIGIN_FILES)
_BEST: Final = "best.npz"
_FILES: Final = (*_AS_THEY_ARE, "config.json", "state.json", PLAN_FILE, _BEST, CHECKPOINT)
_ENTRY: Final = re.compile(rf"({NAME})/({'|'.join(map(re.escape, _FILES))})", re.ASCII)
#: Entries of a run's state that hold on every machine.
_STATE: Final = (
    "status", "created", "updated", "epoch", "best_epoch", "best_accuracy", "steps_per_epoch",
    "backend", "machine", "trained_epoch",
)  # fmt: skip
#: The largest file that is taken, in bytes, unpacked.
_MOST: Final = 8 * 10**9
#: How the root of an array and what it is multiplied by are called.
_ROOT, _SCALE = "root", "scale"


def pack(plan: Plan, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write the state of a plan into a file.

    Args:
        plan: The plan.
        path: The ZIP file.
        overwrite: Whether it may replace a file.

    Returns:
        The names of the runs that are in it.

    Raises:
        TrainingError: There is nothing to pack, or a run is at work.
        FerError: The file cannot be written.
    """
    check_outputs([path], overwrite=overwrite)
    found = plan_state.runs_of(plan)
    if not found:
        raise TrainingError(f"Nothing of {plan.name} was begun yet, so there is nothing to pack.")
    for run in found.values():
        if run.busy():
            raise TrainingError(f"Run {run.name} is at work: stop it before you pack its plan.")
    with writing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, run in found.items():
            item = plan.item(name)
            done = item is not None and plan_state.standing(item, run).is_done
            for file, content in _contents(run, done):
                archive.writestr(f"{run.name}/{file}", content)
    return [run.name for run in found.values()]


def _contents(run: TrainingRun, done: bool) -> Iterator[tuple[str, bytes]]:
    # Where files lay on this machine is nobody's business.
    config = run.config
    public = config.model_copy(
        update={
            "data": Path(config.data).name,
            "votes": config.votes and Path(config.votes.name),
            "corrections": config.corrections and Path(config.corrections.name),
            "mix": {Path(path).name: weight for path, weight in config.mix.items()},
            "weights": Path(config.weights).name,
        }
    )
    history = {"history": run.history()} if run.history() else {}
    yield "config.json", _json(public.model_dump(mode="json") | history)
    state = {name: value for name, value in run.state().items() if name in _STATE}
    if state["status"] != "trained":
        state["status"] = "stopped" if state.get("epoch") else "created"
    yield "state.json", _json(state)
    belongs = plan_state.belongs_to(run)
    assert belongs is not None
    yield PLAN_FILE, _json({"plan": belongs[0], "item": belongs[1], "seed": config.seed})
    for file in _AS_THEY_ARE:
        if (run.path / file).is_file():
            yield file, (run.path / file).read_bytes()
    if (run.path / _BEST).is_file():
        yield _BEST, _npz(_small(run.load_arrays(_BEST)))
    # What is done is not trained further.
    if not done and (saved := run.load_checkpoint()):
        yield CHECKPOINT, _npz(_small(saved))


def unpack(plan: Plan, path: Path) -> list[str]:
    """Take the state of a plan from a file that :func:`pack` wrote.

    A run that is here already is replaced only where the file's has more finished epochs.

    Args:
        plan: The plan.
        path: The ZIP file.

    Returns:
        The names of the runs that were taken.

    Raises:
        TrainingError: It is no such file, it belongs to another plan, or a run of it cannot be
            replaced; nothing was taken then.
    """
    settings().runs.mkdir(parents=True, exist_ok=True)
    with _unpacked(path) as folder:
        taken = [run for run in _checked(plan, folder) if _is_newer(plan, run)]
        for run in taken:
            place = settings().runs / run.name
            if place.exists():
                shutil.rmtree(place)
            run.path.rename(place)
    return [run.name for run in taken]


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give a folder beside the runs into which an archive is unpacked."""
    try:
        with (
            zipfile.ZipFile(path) as archive,
            tempfile.TemporaryDirectory(dir=settings().runs, prefix=".unpack-") as folder,
        ):
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > _MOST:
                raise TrainingError(f"{printable(path)} holds more than {_MOST // 10**9} GB.")
            for entry in entries:
                found = _ENTRY.fullmatch(entry.filename)
                if not found:
                    raise TrainingError(
                        f"{printable(path)} holds {printable(entry.filename)}, which is no part of "
                        "a plan: give a file that 'train-plan --pack' wrote."
                    )
                target = Path(folder) / found[1] / found[2]
                target.parent.mkdir(exist_ok=True)
                with archive.open(entry) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
            yield Path(folder)
    except OSError as error:
        reason = error.strerror or error
        raise TrainingError(f"{printable(path)} cannot be unpacked: {reason}.") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise TrainingError(
            f"{printable(path)} is no state of a plan: give a file that 'train-plan --pack' wrote."
        ) from error


def _checked(plan: Plan, folder: Path) -> list[TrainingRun]:
    """Return the unpacked runs, after checking them and giving their arrays full precision."""
    found = []
    for place in sorted(folder.iterdir()):
        run = TrainingRun(place)
        try:
            fields = json.loads((place / "config.json").read_text(encoding="utf-8"))
            history = fields.pop("history", [])
            config = TrainConfig.model_validate(fields)
            belongs = json.loads((place / PLAN_FILE).read_text(encoding="utf-8"))
            name, item = str(belongs["plan"]), plan.item(str(belongs["item"]))
            run.write_config(config, history)
            if run.state()["status"] not in ("trained", "stopped", "created"):
                raise ValueError
            for file in (_BEST, CHECKPOINT):
                if (place / file).is_file():
                    run.save_arrays(file, _whole(run.load_arrays(file)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # ValidationError is a ValueError.
            what = " of a newer version" if isinstance(error, ValidationError) else ""
            raise TrainingError(f"The run {place.name} in the file is damaged{what}.") from error
        if name != plan.name:
            raise TrainingError(
                f"The file holds the plan {printable(name)}, not {plan.name}: name that plan."
            )
        if item is None:
            raise TrainingError(
                f"The run {place.name} is of a part that {plan.name} has not: use the plan's file "
                "as it was when the state was packed."
            )
        write_json(place / PLAN_FILE, {"plan": name, "item": item.name, "seed": item.seed})
        found.append(run)
    return found


def _is_newer(plan: Plan, run: TrainingRun) -> bool:
    """Return whether an unpacked run has more finished epochs than that of its name here."""
    here = TrainingRun(settings().runs / run.name)
    if not here.path.exists():
        return True
    if plan_state.belongs_to(here) != plan_state.belongs_to(run):
        raise TrainingError(f"There is a run {run.name} here already, which is not of this plan.")
    if here.busy():
        raise TrainingError(f"Run {run.name} is at work here: stop it first.")
    return run.state().get("epoch", 0) > here.state().get("epoch", 0)


# -- arrays


def _small(groups: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return arrays by name, weights in float16 and an optimiser's by their roots."""
    found: dict[str, np.ndarray] = {}
    for group, arrays in groups.items():
        for i, array in enumerate(arrays):
            key = f"{group}/{i}"
            if array.dtype != np.float32 or array.size < 2:
                found[key] = array
            elif group == "optimizer":
                # A mean of squares spans more than float16 does, and one that became 0 would let
                # the next update explode; its root does not.
                scale = float(np.abs(array).max()) or 1.0
                found[f"{key}/{_ROOT}"] = (np.sign(array) * np.sqrt(np.abs(array) / scale)).astype(
                    np.float16
                )
                found[f"{key}/{_SCALE}"] = np.array(scale, np.float32)
            elif np.abs(array).max() <= np.finfo(np.float16).max:
                found[key] = array.astype(np.float16)
            else:
                found[key] = array
    return found


def _whole(groups: dict[str, list[np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """Return the arrays of :func:`_small` in the precision in which they are trained."""
    found: dict[str, list[np.ndarray]] = {}
    for group, arrays in groups.items():
        left: list[np.ndarray] = list(arrays)
        found[group] = []
        while left:
            array = left.pop(0)
            if group == "optimizer" and array.dtype == np.float16:
                root, scale = array.astype(np.float32), left.pop(0)
                array = np.sign(root) * root**2 * scale
            found[group].append(array.astype(np.float32) if array.dtype == np.float16 else array)
    return found


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
