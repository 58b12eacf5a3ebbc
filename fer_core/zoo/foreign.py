"""A network that was trained elsewhere becomes a model here.

What a network alone does not say is said by whoever imports it: which emotion each of its outputs
is, and the range of its pixels. It is loaded, wrapped and exported in a process of its own
(:mod:`fer_core.zoo.wrapping`), and the exported file is tried as an archive's is.
"""

import json
import math
import shlex
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copyfile
from typing import Final

from fer_core import sandbox
from fer_core.datasets import Dataset
from fer_core.datasets.labels import NAMES
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.extras import require
from fer_core.files import printable, read_json, write_json
from fer_core.models import imported
from fer_core.models.card import FOREIGN
from fer_core.models.catalogue import ModelFolder, check_new_name
from fer_core.preprocess import CROP_SIZE
from fer_core.zoo import inspection
from fer_core.zoo.calibrate import calibrate_model
from fer_core.zoo.keras_files import MOST_BYTES
from fer_core.zoo.writing import write_folder

#: Endings of the files of a network, and what they are; a SavedModel is a folder.
SUFFIXES: Final = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".onnx": "onnx"}
#: Bytes of memory and seconds that the process may take which loads and exports it.
WRAP_MEMORY: Final = 8 * 2**30
_WRAP_SECONDS: Final = 300.0
_EMOTION: Final = {name: emotion for emotion, names in NAMES.items() for name in names}


@dataclass(frozen=True)
class Interface:
    """What goes into a network and what comes out.

    Attributes:
        labels: The emotion of each output, in the network's order; ``None`` for one that is
            dropped, whose probability the others share.
        low: Value of a black pixel.
        high: Value of a white pixel.
        logits: Whether the outputs are logits; probabilities otherwise.
        size: Side of the picture in pixels; ``None`` for what the network says.
        channels: 1 for grey, 3 for RGB; ``None`` likewise.
    """

    labels: tuple[str | None, ...]
    low: float
    high: float
    logits: bool = False
    size: int | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        for emotion in EMOTIONS:
            if (times := self.labels.count(emotion)) != 1:
                said = "no output" if not times else f"{times} outputs"
                raise ModelError(
                    f"labels: {said} for {emotion}. A model here answers with a probability for "
                    f"each of {', '.join(EMOTIONS)}: name each once."
                )
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low != self.high):
            raise ModelError("range: Give the values of a black and of a white pixel, as 0,255.")
        if self.channels not in (None, 1, 3):
            raise ModelError("channels: Give 1 for grey or 3 for RGB.")
        if self.size is not None and not 8 <= self.size <= 1024:
            raise ModelError("size: Give the side of the picture, 8 to 1024 pixels.")


def read_labels(text: str) -> tuple[str | None, ...]:
    """Return the emotion of each output from a list such as ``angry,happy,-contempt``.

    Args:
        text: Names in the network's order; what begins with ``-`` is dropped.

    Raises:
        ModelError: A name is none of the seven emotions.
    """
    found: list[str | None] = []
    for name in (part.strip().lower() for part in text.split(",")):
        if name.startswith("-"):
            found.append(None)
        elif name.isdigit() or name not in _EMOTION:
            raise ModelError(
                f"labels: '{printable(name)}' is none of {', '.join(EMOTIONS)}: write '-{name}' to "
                "drop this output, whose probability the others then share."
            )
        else:
            found.append(_EMOTION[name])
    return tuple(found)


def read_range(text: str) -> tuple[float, float]:
    """Return the values of a black and of a white pixel from a text such as ``-1,1``.

    Raises:
        ModelError: It is no two numbers.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise ModelError(
            f"range: '{printable(text)}' is no two numbers: give the values of a black and of a "
            "white pixel, as 0,255 or 0,1 or -1,1."
        ) from error
    return low, high


def is_network(path: Path) -> bool:
    """Return whether a path looks like a network alone, rather than an archive of models."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def import_network(
    path: Path,
    interface: Interface,
    folder: Path,
    *,
    data: Dataset | None = None,
    licence: str = "",
) -> ModelFolder:
    """Make a model of a network that was trained elsewhere.

    Args:
        path: A file of Keras (``.keras``, ``.h5``) or ONNX, or the folder of a SavedModel.
        interface: What goes in and comes out.
        folder: Where the model goes; its name becomes the model's.
        data: What to measure it on, PublicTest and PrivateTest.
        licence: What the card says of the licence.

    Raises:
        ModelError: The name cannot be taken, the network cannot be loaded, holds code, or does
            not map a face to the seven emotions.
    """
    check_new_name(folder.name, folder.parent)
    kind = _kind(path)
    require("tensorflow", "Importing a network", "train")
    if kind == "onnx":
        require("onnx", "Importing a network in the format ONNX", "onnx")
    with tempfile.TemporaryDirectory(prefix="fer-import-") as place:
        request_folder = Path(place) / folder.name
        request_folder.mkdir()
        request = {"file": str(path.resolve()), "kind": kind} | asdict(interface)
        write_json(request_folder / "request.json", request)
        try:
            sandbox.ask_once(
                "fer_core.zoo.wrapping",
                header={"act": "wrap", "folder": str(request_folder)},
                seconds=_WRAP_SECONDS,
                memory=WRAP_MEMORY,
            )
        except ModelError as error:
            raise ModelError(f"{printable(path.name)}: {error}") from error
        report = read_json(request_folder / "report.json")

        def fill(new: Path) -> None:
            copyfile(request_folder / "model.tflite", new / "model.tflite")

        def complete(new: ModelFolder) -> None:
            imported.mark(new.path)
            inspection.try_model(new)
            if data is not None:
                calibrate_model(new, data, brief=True)

        return write_folder(
            folder,
            fill,
            complete,
            title=f"Imported from {_plain(path.name)}",
            architecture=FOREIGN,
            reference="trained elsewhere",
            starting_weights="not known",
            parameters=int(report["parameters"]),
            licence=licence,
            data="It was trained elsewhere, on data that is not known here.",
            command=_command(path, interface, folder.name),
            notes=_notes(interface, int(report["size"]), int(report["channels"])),
        )


def _kind(path: Path) -> str:
    """Return what a path is, after looking whether it is there."""
    if not path.exists():
        raise ModelError(f"There is no {printable(path)}: check the path.")
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise ModelError(
                f"{printable(path)} is a folder without saved_model.pb, so it is no SavedModel: "
                "give that folder, or the file of a network (.keras, .h5, .onnx)."
            )
        files = [one for one in path.rglob("*") if one.is_file()]
    else:
        files = [path]
    if sum(one.stat().st_size for one in files) > MOST_BYTES:
        raise ModelError(f"{printable(path)} has more than {MOST_BYTES // 10**6} MB.")
    return "saved_model" if path.is_dir() else SUFFIXES[path.suffix.lower()]


def _plain(text: str) -> str:
    """Return a file's name without what a card may not hold."""
    return "".join(c if c.isalnum() or c in " ._-" else "-" for c in text)[:80]


def _command(path: Path, interface: Interface, name: str) -> str:
    labels = ",".join("-" if one is None else one.lower() for one in interface.labels)
    parts = ["python", "-m", "fer_core", "models", "import", _plain(path.name), "--name", name]
    parts += ["--labels", labels, "--range", f"{interface.low:g},{interface.high:g}"]
    return shlex.join(parts + (["--logits"] if interface.logits else []))


def _notes(interface: Interface, size: int, channels: int) -> str:
    colours = "grey" if channels == 1 else "RGB"
    said = [
        f"The network takes {size}×{size} pixels, {colours}, from {interface.low:g} to "
        f"{interface.high:g}, made of the crop of {CROP_SIZE}×{CROP_SIZE}."
    ]
    if dropped := interface.labels.count(None):
        said.append(
            f"Of its outputs {dropped} is dropped" if dropped == 1
            else f"Of its outputs {dropped} are dropped"
        )  # fmt: skip
        said[-1] += ", and the seven emotions share that probability."
    said.append("Whether it was trained on faces that measure it here is not known.")
    return " ".join(said)


def read_request(folder: Path) -> tuple[Path, str, Interface]:
    """Return what :func:`import_network` asks of the process that wraps the network."""
    fields = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    path, kind = Path(fields.pop("file")), str(fields.pop("kind"))
    return path, kind, Interface(labels=tuple(fields.pop("labels")), **fields)
