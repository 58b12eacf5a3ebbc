"""The only way from a face to a model's input.

Two canonical forms exist. *Faces* ``(N, 48, 48)``, grey, 0 to 255, are what FER2013
holds and what networks train on. *Crops* ``(N, 192, 192, 3)``, RGB, 0 to 255, are what
a detector's box becomes in a photo and what an exported model takes: its first layers
turn them into faces (grey, then one pixel of each 4×4 block), its next ones scale them
for the network. So a wrong range or a second preprocessing has no place to happen:
training, evaluation and serving run the same layers.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import keras

FACE_SIZE: Final = 48
POOL: Final = 4
CROP_SIZE: Final = FACE_SIZE * POOL
#: Luma weights of ITU-R BT.601, which OpenCV and Pillow use for grey as well.
LUMA: Final = (0.299, 0.587, 0.114)
#: Weights of the four pixels of a block, along each side. They sum to 1, so a dataset's
#: face, whose pixels come repeated 4×4, is undone exactly. The whole block's mean would
#: do that too, but it blurs faces that come from photos: of 500 PublicTest faces
#: enlarged by cubic interpolation, 95.6 % kept their label through the mean, 99.4 %
#: through these weights, which make up for what interpolation takes.
BLOCK: Final = (-0.06, 0.56, 0.56, -0.06)


def faces_to_crops(faces: np.ndarray) -> np.ndarray:
    """Turn dataset faces into crops: every pixel repeated 4×4, which the model undoes.

    Args:
        faces: ``(N, 48, 48)``, grey, 0 to 255, ``uint8`` or float.

    Returns:
        ``(N, 192, 192, 3)`` of the same dtype.
    """
    crops = faces.repeat(POOL, axis=1).repeat(POOL, axis=2)
    return np.repeat(crops[..., None], 3, axis=-1)


def crops_to_faces(crops: np.ndarray) -> np.ndarray:
    """Return what the first layers of an exported model compute, for looking at it.

    Args:
        crops: ``(N, 192, 192, 3)``, RGB, 0 to 255.

    Returns:
        ``(N, 48, 48)`` ``float32``, grey, 0 to 255.
    """
    grey = crops.astype(np.float32) @ np.array(LUMA, np.float32)
    blocks = grey.reshape(-1, FACE_SIZE, POOL, FACE_SIZE, POOL)
    weights = np.array(BLOCK, np.float32)
    return np.einsum("nyaxb,a,b->nyx", blocks, weights, weights)


def scale(faces: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the scaling layer that a network trained from scratch begins with.

    Pixels are divided by 255, minus 0.5, times 2: from 0..255 to [-1, 1]. It computes
    in ``float32`` whatever the training precision, since bfloat16 cannot hold
    interpolated grey values.
    """
    from keras import layers

    return layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(faces)


def serving_graph(
    core: "keras.Model", temperature: float = 1.0, flip: bool = False
) -> "keras.Model":
    """Build the graph that is exported: crops in, probabilities out.

    Args:
        core: network from faces ``(N, 48, 48, 1)``, 0 to 255, to logits ``(N, 7)``.
        temperature: divides the logits before the softmax (Guo et al. 2017,
            arXiv 1706.04599).
        flip: average the probabilities of the face and of its mirror image.

    Returns:
        Model from ``crops`` ``(N, 192, 192, 3)``, RGB, 0 to 255, to ``probabilities``
        ``(N, 7)``.
    """
    import keras
    from keras import layers

    crops = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="crops")
    reduce = layers.Conv2D(
        1, POOL, strides=POOL, use_bias=False, trainable=False, name="faces_of_crops"
    )
    faces = reduce(crops)
    reduce.set_weights([np.einsum("a,b,c->abc", BLOCK, BLOCK, LUMA)[..., None]])

    def probabilities(x):
        return layers.Softmax()(layers.Rescaling(1.0 / temperature)(core(x)))

    out = probabilities(faces)
    if flip:
        mirrored = layers.Lambda(lambda x: keras.ops.flip(x, axis=2), name="mirror")(faces)
        out = layers.Average()([out, probabilities(mirrored)])
    return keras.Model(crops, layers.Identity(name="probabilities")(out), name="serving")


def crop_face(
    image: np.ndarray,
    frame: tuple[float, float, float],
    roll: float = 0.0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Cut a face out of a photo, in the canonical form that exported models take.

    One affine warp: the square is turned upright and resized; where it reaches beyond
    the picture, the border is reflected. A face twice as large as the crop or larger is
    first reduced by area, so that no detail aliases.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        frame: ``(x, y, side)`` of the square in pixels.
        roll: degrees that the head leans clockwise in the picture.
        out: ``(192, 192, 3)`` ``uint8`` to write to instead of a new array.

    Returns:
        ``(192, 192, 3)`` ``uint8``, RGB.
    """
    import cv2

    if out is None:
        out = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)

    x, y, side = frame
    cx, cy = x + side / 2, y + side / 2
    # Work on the surroundings only: half a diagonal, and two pixels for interpolation.
    reach = side * 0.75 + 2
    left, top = max(0, int(cx - reach)), max(0, int(cy - reach))
    right = min(image.shape[1], int(cx + reach) + 1)
    bottom = min(image.shape[0], int(cy + reach) + 1)
    if right - left < 2 or bottom - top < 2:
        out[:] = 127
        return out
    part = image[top:bottom, left:right]
    cx, cy = cx - left, cy - top

    # By whole numbers only, which OpenCV does many times faster; the rest, less than
    # twofold, is left to the warp.
    factor = max(1, int(side / CROP_SIZE))
    if factor > 1:
        h, w = part.shape[0] // factor, part.shape[1] // factor
        part = cv2.resize(part[: h * factor, : w * factor], (w, h), interpolation=cv2.INTER_AREA)

    # From a crop's pixel centre back to the picture's.
    angle = np.deg2rad(roll)
    step = side / CROP_SIZE
    a = step * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.empty((2, 3))
    back[:, :2] = a
    back[:, 2] = np.array([cx, cy]) - a @ np.full(2, CROP_SIZE / 2 - 0.5)
    back /= factor
    back[:, 2] -= 0.5
    cv2.warpAffine(
        part,
        back,
        (CROP_SIZE, CROP_SIZE),
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return out


#: Factors on the frame's side, one for each crop of a still picture.
ZOOMS: Final = (1.0, 0.85)


def crop_zooms(
    image: np.ndarray,
    frame: tuple[float, float, float],
    roll: float = 0.0,
    number: int = len(ZOOMS),
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Cut a face out as it is framed and from closer by.

    No detector frames a face exactly as the dataset would; the mean of the probabilities
    over these crops and their mirror images makes up for what that costs (docs/detectors.md).

    Args:
        image: As for :func:`crop_face`.
        frame: Likewise.
        roll: Likewise.
        number: Of crops, 1 or 2; the first is the frame itself.
        out: ``(number, 192, 192, 3)`` ``uint8`` to write to instead of a new array.

    Returns:
        ``(number, 192, 192, 3)`` ``uint8``, RGB.
    """
    x, y, side = frame
    crops = np.empty((number, CROP_SIZE, CROP_SIZE, 3), np.uint8) if out is None else out
    for crop, factor in zip(crops, ZOOMS, strict=False):
        shift = side * (1 - factor) / 2
        crop_face(image, (x + shift, y + shift, side * factor), roll, crop)
    return crops
