"""Labelled picture files as a dataset: what all formats of pictures share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer_core.datasets.base import SPLITS, Dataset, random_splits
from fer_core.datasets.cache import cached
from fer_core.datasets.labels import LabelReader
from fer_core.datasets.registry import ReadOptions
from fer_core.errors import DatasetError, ImageError
from fer_core.images import read_image
from fer_core.pool import map_in_order
from fer_core.preprocess import FACE_SIZE, crop_face, crops_to_faces

#: Names of splits, in lower case, and their positions in ``SPLITS``.
SPLIT_NAMES: Final = {
    "train": 0, "training": 0,
    "val": 1, "valid": 1, "validation": 1, "dev": 1, "publictest": 1,
    "test": 2, "testing": 2, "privatetest": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A labelled picture.

    Attributes:
        path: Of the file.
        label: 0 to 6.
        split: Position in ``SPLITS``; ``None`` where the source does not say.
        person: Who it is, empty where unknown.
        box: ``(x, y, width, height)`` of the face in pixels; ``None`` for the whole picture.
    """

    path: Path
    label: int
    split: int | None = None
    person: str = ""
    box: tuple[int, int, int, int] | None = None


def load_pictures(
    root: Path,
    form: str,
    pictures: Sequence[Picture],
    labels: LabelReader,
    how: ReadOptions,
    *,
    problems: Sequence[str] = (),
) -> Dataset:
    """Read the pictures of a dataset.

    Args:
        root: The dataset, after which it is named.
        form: Title of its format.
        pictures: What it holds.
        labels: What read their labels, and knows what was left out.
        how: See :class:`ReadOptions`.
        problems: What is wrong with it besides.

    Raises:
        DatasetError: Nothing can be used, or ``problems`` lists every bad file.
    """
    labels.check()
    if not pictures:
        raise DatasetError(
            f"{root.name} was taken for {form} and has no labelled pictures.", problems
        )
    paths = [one.path for one in pictures]
    stats = [path.stat() if path.exists() else None for path in paths]
    key: list[Any] = [str(root), how.detector, how.skip_bad, list(problems), 2]
    key += [
        [str(one.path), one.box, stat and stat.st_size, stat and stat.st_mtime_ns]
        for one, stat in zip(pictures, stats, strict=True)
    ]

    def read() -> dict[str, np.ndarray]:
        faces = []
        for face in map_in_order(_reader(how.detector), pictures):
            faces.append(face)
            if how.on_progress and len(faces) % 100 == 0:
                how.on_progress(len(faces) / len(paths))
        wrong = [
            *problems,
            *(
                f"{path.relative_to(root) if path.is_relative_to(root) else path}: {face}"
                for path, face in zip(paths, faces, strict=True)
                if isinstance(face, str)
            ),
        ]
        if wrong and not how.skip_bad:
            raise DatasetError.listing(root.name, wrong)
        keep = [i for i, face in enumerate(faces) if not isinstance(face, str)]
        if not keep:
            raise DatasetError(f"{root.name}: no picture can be used.", wrong)
        return {"faces": np.stack([faces[i] for i in keep]), "keep": np.array(keep)}

    arrays = cached("folder", key, read, root)
    kept = [pictures[i] for i in arrays["keep"]]
    codes = np.array([one.label for one in kept], np.int64)
    usage = settle_splits(kept, codes, how.seed)
    persons = np.array([one.person for one in kept], np.str_)
    return Dataset(
        root.name,
        arrays["faces"],
        codes,
        np.array(SPLITS)[usage],
        persons=persons if (persons != "").any() else None,
        format=form,
        left_out=labels.left_out,
        splits_given=all(one.split is not None for one in kept),
    )


def settle_splits(pictures: Sequence[Picture], labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the split of each picture: its own, or one at random that keeps people together.

    A test split without one to choose by is divided in halves: one to choose by, one to report
    with.

    Raises:
        DatasetError: A person is in two of the splits that the source gives.
    """
    usage = np.array([-1 if one.split is None else one.split for one in pictures])
    persons = np.array([one.person for one in pictures], np.str_)
    check_persons(persons, usage)
    if (free := usage < 0).any():
        usage[free] = person_splits(labels[free], persons[free], seed)
    elif (test := usage == 2).any() and not (usage == 1).any():
        usage[test] = person_splits(labels[test], persons[test], seed, (0.0, 0.5, 0.5))
    return usage


def check_persons(persons: np.ndarray, usage: np.ndarray) -> None:
    """Check that nobody is in two splits.

    Raises:
        DatasetError: Somebody is.
    """
    given = (persons != "") & (usage >= 0)
    pairs = np.unique(np.stack([persons[given], usage[given].astype(str)]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    if (counts > 1).any():
        raise DatasetError(
            f"{int((counts > 1).sum())} people, such as {names[counts > 1][0]}, are in more than "
            "one split, so a model would be tested on people it knows. Correct the splits, or "
            "leave them out: people are then kept together."
        )


def person_splits(
    labels: np.ndarray,
    persons: np.ndarray,
    seed: int,
    shares: tuple[float, ...] = (0.8, 0.1, 0.1),
) -> np.ndarray:
    """Divide faces so that nobody is in two splits.

    Args:
        labels: ``(N,)``, 0 to 6.
        persons: ``(N,)``; faces of nobody in particular ("") are divided class by class.
        seed: Equal seeds give equal splits.
        shares: Of Training, PublicTest and PrivateTest, about; they sum to 1.

    Returns:
        ``(N,)`` positions in ``SPLITS``.
    """
    usage = random_splits(labels, seed, shares).astype(np.int64)
    known = persons != ""
    names, counts = np.unique(persons[known], return_counts=True)
    missing = np.array(shares) * known.sum()
    of: dict[str, int] = {}
    for position in np.random.default_rng(seed).permutation(len(names)):
        # Every split has somebody first, the smallest before the largest.
        empty = [s for s in (1, 2, 0) if shares[s] and s not in of.values()]
        split = empty[0] if empty and len(names) >= 3 else int(missing.argmax())
        of[names[position]] = split
        missing[split] -= counts[position]
    usage[known] = [of[person] for person in persons[known]]
    return usage


def _reader(detector: str | None) -> Callable[[Picture], np.ndarray | str]:
    """Return a function from a picture to a face, or to words that say what is wrong."""
    found = None
    if detector is not None:
        from fer_core.faces import get_detector

        found = get_detector(detector)

    def read(picture: Picture) -> np.ndarray | str:
        try:
            image = read_image(picture.path)
        except ImageError as error:
            return str(error)
        if picture.box:
            x, y, w, h = picture.box
            image = image[max(y, 0) : y + h, max(x, 0) : x + w]
            if not image.size:
                return "the box of its face lies outside of it"
            return _reduce(image)
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
