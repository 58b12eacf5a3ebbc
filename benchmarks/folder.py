"""A folder of portraits beside the ``fer`` package: speed, cores kept busy, and memory."""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.scenes import compose
from benchmarks.versus import Side, again, environment, side_commands
from fer_core.classifier import load_classifier
from fer_core.datasets import load
from fer_core.datasets.base import Dataset
from fer_core.faces import resolve
from fer_core.zoo.readme import table

#: Pixels of a side of a portrait, and of the face in it.
SIDE: Final = 350
FACES: Final = (120, 220)
#: How many times as many pictures tell whether memory stays flat.
TIMES: Final = 10


def run_folder(
    versus: Path | None = None,
    data: str = "demo",
    pictures: int = 400,
    rounds: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Read a folder of portraits with both sides in turn, each loaded and warmed.

    Args:
        versus: Python of an environment with the ``fer`` package, to compare with.
        data: Whose PublicTest faces the portraits show.
        pictures: How many.
        rounds: How often each side reads them; medians count.
        seed: Chooses faces and places.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few, many = folder / "few", folder / "many"
        _make(load(data).split("PublicTest"), few, pictures, seed)
        _copy(few, many, TIMES)
        sides = {
            name: stack.enter_context(Side(command, stack.enter_context(tempfile.TemporaryFile())))
            for name, command in side_commands(versus).items()
        }
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for number in range(rounds):
            for name in list(sides)[:: -1 if number % 2 else 1]:
                answers[name].append(sides[name].ask(**_task(few)))
        longer = sides["ours"].ask(**_task(many))
        median = {
            name: {
                key: float(np.median([answer[key] for answer in of]))
                for key in ("seconds", "cores", "faces", "megabytes")
            }
            for name, of in answers.items()
        }
        ratios = [
            theirs["seconds"] / ours["seconds"]
            for ours, theirs in zip(answers["ours"], answers.get("fer", []), strict=False)
        ]
        return {
            "machine": environment(),
            "model": load_classifier().name,
            "detector": resolve("auto"),
            "data": data,
            "seed": seed,
            "rounds": rounds,
            "pictures": pictures,
            "sides": median,
            "times as fast": float(np.median(ratios)) if ratios else None,
            "package": sides["fer"].started["version"] if versus else None,
            "longer": {"pictures": pictures * TIMES} | longer,
        }


def _task(folder: Path) -> dict[str, Any]:
    # Not warmed with the folder itself: a first picture alone would do, and files are cached.
    return {"do": "folder", "with": {"folder": str(folder)}, "repeat": 1, "warm": False}


def _make(faces: Dataset, folder: Path, number: int, seed: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for row, index in enumerate(rng.permutation(len(faces))[:number]):
        side = int(rng.integers(FACES[0], FACES[1] + 1))
        scene = compose(faces.faces[index], side, rng, size=(SIDE, SIDE))
        file = folder / f"{row:04}.jpg"
        cv2.imwrite(str(file), scene.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])


def _copy(few: Path, many: Path, times: int) -> None:
    many.mkdir()
    for file in few.iterdir():
        for number in range(times):
            shutil.copy(file, many / f"{file.stem}-{number}.jpg")


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_folder` gave, as a table."""
    machine, longer = result["machine"], result["longer"]
    pictures, data = result["pictures"], Path(result["data"]).name
    rows = [
        (
            result["package"] if name == "fer" else f"ours, {result['model']}",
            f"{of['seconds'] / pictures * 1000:.1f}",
            f"{of['cores']:.2f}",
            f"{of['faces']:.0f}",
            f"{of['megabytes']:.0f}",
        )
        for name, of in result["sides"].items()
    ]
    fast = result["times as fast"]
    said = f" {fast:.1f} times as fast as the package." if fast else ""
    how = f"folder --data {data} --seed {result['seed']}"
    how += f" --rounds {result['rounds']}" + (" --versus PYTHON" if fast else "")
    return "\n\n".join(
        [
            f"{pictures} JPEG portraits of {SIDE}×{SIDE} pixels with a face of {data}, "
            f"PublicTest, {FACES[0]} to {FACES[1]} pixels wide, on {machine['cores']} cores, "
            f"{machine['processor']}; medians of {result['rounds']} rounds in turns.{said}",
            table(("", "ms per picture", "cores busy", "faces found", "peak MB"), rows),
            f"Of {longer['pictures']} pictures: "
            f"{longer['seconds'] / longer['pictures'] * 1000:.1f} ms each, "
            f"and {longer['megabytes']:.0f} MB at the peak.",
            again(how, result["model"]),
        ]
    )
