"""CK+ as it is published (Lucey et al. 2010): sequences of frames, each with an emotion.

``cohn-kanade-images/S010/001/S010_001_00000014.png`` and, for a third of the sequences,
``Emotion/S010/001/S010_001_00000014_emotion.txt``. A sequence begins with a neutral face and ends
with the emotion at its height.
"""

from collections.abc import Iterator
from pathlib import Path

from fer_core.datasets.base import Dataset
from fer_core.datasets.folders import folders_in
from fer_core.datasets.labels import ORDERS, LabelReader
from fer_core.datasets.pictures import Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import walk_files
from fer_core.images import SUFFIXES

_TITLE = "CK+ (cohn-kanade-images, Emotion)"
_LABELS = ("Emotion", "Emotion_labels", "emotion")


def _places(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of pictures and of labels; ``None`` where this is no CK+."""
    pictures = root / "cohn-kanade-images"
    for name in _LABELS:
        for labels in (root / name, root / name / "Emotion"):
            if pictures.is_dir() and labels.is_dir() and any(labels.glob("S*/*/*_emotion.txt")):
                return pictures, labels
    return None


@register("ckplus", _TITLE, lambda path: path.is_dir() and _places(path) is not None)
def _read(path: Path, how: ReadOptions) -> Dataset:
    root = path.resolve()
    found = _places(root)
    if found is None or how.frames < 1:
        raise DatasetError(f"{root.name}: at least one frame of each sequence shows its emotion.")
    labels, problems = LabelReader(root.name, ORDERS["ckplus"]), list[str]()
    pictures = list(_sequences(*found, how.frames, labels, problems))
    return load_pictures(root, _TITLE, pictures, labels, how, problems=problems)


def _sequences(
    images: Path, emotions: Path, frames: int, labels: LabelReader, problems: list[str]
) -> Iterator[Picture]:
    for person in folders_in(emotions):
        for sequence in folders_in(person):
            files = sorted(sequence.glob("*_emotion.txt"))
            if not files:
                continue
            folder = images / person.name / sequence.name
            of_frames = sorted(walk_files(folder, lambda p: p.suffix.lower() in SUFFIXES))
            name = f"{person.name}/{sequence.name}"
            if len(of_frames) <= frames:
                problems.append(f"{name}: {len(of_frames)} frames, not more than {frames}")
                continue
            try:
                number = float(files[0].read_text(encoding="ascii", errors="replace"))
                label = labels.read(f"{number:g}")
            except ValueError:
                problems.append(f"{name}: {files[0].name} holds no emotion from 0 to 7")
                continue
            yield Picture(of_frames[0], EMOTIONS.index("Neutral"), None, person.name)
            if label is not None:
                for path in of_frames[-frames:]:
                    yield Picture(path, label, None, person.name)
