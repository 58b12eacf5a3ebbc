"""Pictures in folders, one subfolder per emotion: Kaggle's FER2013, JAFFE, CK+, one's own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer_core.datasets.base import SPLITS, Dataset, random_splits
from fer_core.datasets.cache import cached
from fer_core.datasets.registry import ReadOptions, register
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError, ImageError
from fer_core.files import ExportFolder, walk_files
from fer_core.images import SUFFIXES, read_image
from fer_core.preprocess import FACE_SIZE, crop_face, crops_to_faces

#: Names that folders of an emotion go by, in lower case.
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "Angry": ("angry", "anger", "an", "0"),
    "Disgust": ("disgust", "disgusted", "di", "1"),
    "Fear": ("fear", "fearful", "afraid", "fe", "2"),
    "Happy": ("happy", "happiness", "ha", "3"),
    "Sad": ("sad", "sadness", "sa", "4"),
    "Surprise": ("surprise", "surprised", "su", "5"),
    "Neutral": ("neutral", "ne", "6"),
}
_LABELS: Final = {name: i for i, emotion in enumerate(EMOTIONS) for name in NAMES[emotion]}
#: Folders of a split, in lower case; ``test`` alone is settled by :func:`load_folder`.
_SPLITS: Final = {
    "train": 0, "training": 0,
    "val": 1, "valid": 1, "validation": 1, "dev": 1, "publictest": 1,
    "test": 2, "privatetest": 2,
}  # fmt: skip


def load_folder(
    root: Path,
    *,
    detector: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Read pictures from ``root``.

    Two layouts are understood. ``root/<emotion>/*``: rows are split at random, class by
    class, 80 to 10 to 10 (people of whom there are several pictures can then be in more
    than one split). ``root/<split>/<emotion>/*`` with the splits ``train``, ``val`` and
    ``test``, or FER2013's names.

    Kaggle's ``msambare/fer2013`` has ``train`` and ``test`` only, and its ``test`` is
    PublicTest and PrivateTest together. Where its files still carry their names
    (``PublicTest_123.jpg``), each goes to its own split, and figures compare with those
    of the CSV. Elsewhere the files of ``test`` are divided in halves at random, class by
    class: one to choose by, one to report with, comparable with nobody's.

    Args:
        root: the folder.
        detector: finds the face in each picture (``auto``, ``haar``, …), the largest one
            is taken; ``None`` where pictures are faces already: they are reduced to
            48×48, of oblong ones the middle.
        skip_bad: leave out pictures that cannot be read or show no face, and folders
            that name none of the seven, instead of refusing the dataset.
        seed: decides random splits.
        on_progress: told the share of the pictures that is read.

    Raises:
        DatasetError: nothing found, or ``problems`` that list every bad file.
    """
    root = root.resolve()
    problems: list[str] = []
    files = list(_walk(root, problems))
    if not files:
        raise DatasetError(
            f"{root} has no pictures in folders named after emotions "
            f"({', '.join(names[0] for names in NAMES.values())}), below train and test or not.",
            problems,
        )
    paths = [path for path, _, _ in files]
    stats = [path.stat() for path in paths]
    key: list[Any] = [str(root), detector, skip_bad, problems, 1]
    key += [
        [str(path.relative_to(root)), stat.st_size, stat.st_mtime_ns]
        for path, stat in zip(paths, stats, strict=True)
    ]

    def read() -> dict[str, np.ndarray]:
        with ThreadPoolExecutor() as pool:
            faces = []
            for face in pool.map(_reader(detector), paths):
                faces.append(face)
                if on_progress and len(faces) % 100 == 0:
                    on_progress(len(faces) / len(paths))
        wrong = [
            *problems,
            *(
                f"{path.relative_to(root)}: {face}"
                for path, face in zip(paths, faces, strict=True)
                if isinstance(face, str)
            ),
        ]
        if wrong and not skip_bad:
            raise DatasetError.listing(root.name, wrong)
        keep = [i for i, face in enumerate(faces) if not isinstance(face, str)]
        if not keep:
            raise DatasetError(f"{root.name}: no picture can be used.", wrong)
        return {"faces": np.stack([faces[i] for i in keep]), "keep": np.array(keep)}

    arrays = cached("folder", key, read, root)
    keep = arrays["keep"]
    labels = np.array([label for _, label, _ in files])[keep]
    usage = _settle([paths[i] for i in keep], labels, [files[i][2] for i in keep], seed)
    return Dataset(root.name, arrays["faces"], labels, np.array(SPLITS)[usage])


@register("folders", "a folder of pictures", Path.is_dir)
def _read(path: Path, how: ReadOptions) -> Dataset:
    return load_folder(
        path,
        detector=how.detector,
        skip_bad=how.skip_bad,
        seed=how.seed,
        on_progress=how.on_progress,
    )


def export_folders(dataset: Dataset, folder: ExportFolder) -> int:
    """Write ``<split>/<emotion>/<number>.png``, which :func:`load_folder` reads back.

    Args:
        dataset: What to write.
        folder: Where.

    Returns:
        How many pictures were written.
    """
    names = [
        f"{split}/{EMOTIONS[label].lower()}/{i:06d}.png"
        for i, (split, label) in enumerate(zip(dataset.usage, dataset.labels, strict=True))
    ]
    folder.begin(names)
    for place in {(folder.path / name).parent for name in names}:
        place.mkdir(parents=True, exist_ok=True)
    for name, face in zip(names, dataset.faces, strict=True):
        (folder.path / name).write_bytes(cv2.imencode(".png", face)[1].tobytes())
    folder.finish()
    return len(dataset)


def _walk(root: Path, problems: list[str]) -> Iterator[tuple[Path, int, int | None]]:
    """Pictures with label and split, the latter ``None`` where no folder says it."""
    for folder in _folders(root):
        split = _SPLITS.get(folder.name.lower())
        below = [folder] if split is None else _folders(folder)
        for part in below:
            label = _LABELS.get(part.name.lower())
            pictures = list(walk_files(part, lambda p: p.suffix.lower() in SUFFIXES))
            if label is None:
                if pictures:
                    problems.append(f"{part.relative_to(root)}: names none of the seven emotions")
                continue
            for path in pictures:
                yield path, label, split


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}. Check the path.") from error


def _settle(
    paths: list[Path], labels: np.ndarray, splits: list[int | None], seed: int
) -> np.ndarray:
    """The split of each file, as :func:`load_folder` describes it."""
    usage = np.array([-1 if s is None else s for s in splits])
    if (usage < 0).any():
        usage[usage < 0] = random_splits(labels[usage < 0], seed)
        return usage
    if (usage != 2).all() or (usage == 1).any():
        return usage
    test = np.flatnonzero(usage == 2)
    if all(paths[i].name.startswith(("PublicTest_", "PrivateTest_")) for i in test):
        usage[[i for i in test if paths[i].name.startswith("PublicTest_")]] = 1
    else:
        usage[test] = random_splits(labels[test], seed, (0.0, 0.5, 0.5))
    return usage


def _reader(detector: str | None):
    """A function from a path to a face, or to words that say what is wrong."""
    found = None
    if detector is not None:
        from fer_core.faces import get_detector

        found = get_detector(detector)

    def read(path: Path) -> np.ndarray | str:
        try:
            image = read_image(path)
        except ImageError as error:
            return str(error)
        if found is None:
            return _reduce(image)
        faces = found.detect(image)
        if not faces:
            return "no face was found"
        crop = crop_face(image, faces[0].square, faces[0].roll or 0.0)
        return np.round(crops_to_faces(crop[None])[0]).astype(np.uint8)

    return read


def _reduce(image: np.ndarray) -> np.ndarray:
    h, w = image.shape[:2]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    square = cv2.cvtColor(image[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
    if side == FACE_SIZE:
        return square
    how = cv2.INTER_AREA if side > FACE_SIZE else cv2.INTER_LINEAR
    return cv2.resize(square, (FACE_SIZE, FACE_SIZE), interpolation=how)
