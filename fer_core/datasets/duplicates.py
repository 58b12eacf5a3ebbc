"""Copies of the same picture, exact and near, above all across splits, where they leak."""

from collections.abc import Callable
from typing import Final

import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer_core.datasets.cache import cached
from fer_core.datasets.identity import digest

#: Bits in which two perceptual hashes of 64 may differ.
BITS: Final = 8
#: Correlation of the pixels of two faces from which they count as the same picture.
SIMILAR: Final = 0.97
_BLOCK: Final = 1024


def hashes(faces: np.ndarray, on_progress: Callable[[float], None] | None = None) -> np.ndarray:
    """Return perceptual hashes: the signs of a face's 64 lowest frequencies (pHash, Zauner 2010,
    *Implementation and Benchmarking of Perceptual Image Hash Functions*).

    Args:
        faces: ``(N, 48, 48)`` ``uint8``.
        on_progress: told the share that is done.

    Returns:
        ``(N,)`` ``uint64``; cached by the faces' content.
    """

    def make() -> dict[str, np.ndarray]:
        codes = np.zeros(len(faces), np.uint64)
        for i, face in enumerate(faces):
            bits = imagehash.phash(Image.fromarray(face)).hash.ravel()
            codes[i] = np.packbits(bits).view(">u8")[0]
            if on_progress and i % 500 == 0:
                on_progress(i / len(faces))
        return {"codes": codes}

    return cached("phash", digest(faces), make)["codes"]


def exact(keys: np.ndarray) -> np.ndarray:
    """Return the group of each face whose pixels occur more than once, -1 for the others.

    Args:
        keys: of :func:`fer_core.datasets.identity.face_keys`.
    """
    _, group, count = np.unique(
        [key.split("-")[0] for key in keys], return_inverse=True, return_counts=True
    )
    return _numbered(np.where(count[group] > 1, group, -1))


def near(faces: np.ndarray, codes: np.ndarray, bits: int = BITS) -> np.ndarray:
    """Return the group of each face that has a near copy, -1 for the others.

    Hashes propose, pixels decide: two faces belong together where their hashes differ in
    at most ``bits`` bits and their pixels, blurred a little, correlate by at least
    :data:`SIMILAR`. Exact copies are in a group as well.

    Args:
        faces: ``(N, 48, 48)`` ``uint8``.
        codes: ``(N,)``, their :func:`hashes`.
        bits: see above.
    """
    n, small = len(faces), _small(faces)
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        found = _similar_pairs(small[part], codes[part], small[start:], codes[start:], bits)
        pairs.append(found[found[:, 1] > found[:, 0]] + start)
    first, second = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    return _numbered(np.where(np.bincount(group)[group] > 1, group, -1))


def between(one: np.ndarray, other: np.ndarray, bits: int = BITS) -> np.ndarray:
    """Find pictures that two sets of faces share, exact and near copies.

    Args:
        one: ``(N, 48, 48)`` ``uint8``.
        other: ``(M, 48, 48)`` ``uint8``.
        bits: See :func:`near`.

    Returns:
        ``(K, 2)`` positions in ``one`` and in ``other``, a row per pair.
    """
    codes, others = hashes(one), hashes(other)
    small, smaller = _small(one), _small(other)
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(one), _BLOCK):
        part = slice(start, start + _BLOCK)
        found = _similar_pairs(small[part], codes[part], smaller, others, bits)
        pairs.append(found + np.array([start, 0]))
    return np.concatenate(pairs)


def _small(faces: np.ndarray) -> np.ndarray:
    """Return normalised means over 2×2 pixels, which forgive the traces of compression."""
    n = len(faces)
    small = faces.reshape(n, 24, 2, 24, 2).mean(axis=(2, 4)).reshape(n, 576).astype(np.float32)
    small -= small.mean(axis=1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


def _similar_pairs(
    one: np.ndarray, codes: np.ndarray, other: np.ndarray, others: np.ndarray, bits: int
) -> np.ndarray:
    """Return ``(K, 2)`` positions of faces whose hashes and pixels are alike."""
    first, second = np.nonzero(np.bitwise_count(codes[:, None] ^ others[None]) <= bits)
    same = np.einsum("ij,ij->i", one[first], other[second]) >= SIMILAR
    return np.stack([first[same], second[same]], axis=1)


def leaked(group: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return ``(N,)``: not of the training faces, but one of them is its copy.

    Args:
        group: of :func:`near`.
        training: ``(N,)``, which faces are trained on.
    """
    return (group >= 0) & np.isin(group, group[training]) & ~training


def _numbered(groups: np.ndarray) -> np.ndarray:
    """Return the same groups, numbered from 0 in the order of their first face."""
    used, first, of = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.full(len(used), -1)
    order = np.argsort(first)
    rank[order[used[order] >= 0]] = np.arange((used >= 0).sum())
    return rank[of]
