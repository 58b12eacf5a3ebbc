"""What a face is called, whatever file it comes from."""

from hashlib import blake2b

import numpy as np


def face_keys(faces: np.ndarray) -> np.ndarray:
    """Return a name for every face, by which corrections find it again.

    It follows from the pixels, so a face keeps it in a CSV, packed or not, and in
    folders of lossless pictures. Copies of the same face are numbered in their order.

    Args:
        faces: ``(N, 48, 48)`` ``uint8``; all faces of a dataset, before any is left out.

    Returns:
        ``(N,)`` strings: 16 hexadecimal digits, for the second copy followed by ``-2``,
        and so on. No two are equal.
    """
    seen: dict[str, int] = {}
    keys = []
    for digest in digests(faces):
        copy = seen[digest] = seen.get(digest, 0) + 1
        keys.append(digest if copy == 1 else f"{digest}-{copy}")
    return np.array(keys, dtype=object)


def digests(faces: np.ndarray) -> list[str]:
    """Return 16 hexadecimal digits for each face; equal ones for equal pixels."""
    return [
        blake2b(face.tobytes(), digest_size=8).hexdigest() for face in np.ascontiguousarray(faces)
    ]


def digest(faces: np.ndarray, *others: np.ndarray) -> str:
    """Return 16 hexadecimal digits that say whether two arrays of faces (and others) are equal."""
    state = blake2b(digest_size=8)
    for array in (faces, *others):
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
