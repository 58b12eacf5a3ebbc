"""Results drawn on a picture: a box in the emotion's colour, its name and share above it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer_core.emotions import UNSURE_BELOW, rgb

if TYPE_CHECKING:
    from fer_core.analysis import Analysis, Face

_DARK: Final = (17, 17, 17)
_LIGHT: Final = (255, 255, 255)


def label(face: "Face", unsure_below: float = UNSURE_BELOW) -> str:
    """Return the label of a face: 'Happy 92 %', or 'Sad? 38 %' where that is unsure.

    The user's own label stands before the model's answer: 'Sad (model: Happy 92 %)'.
    """
    mark = "?" if face.is_unsure(unsure_below) else ""
    answer = f"{face.displayed_emotion}{mark} {face.displayed_confidence * 100:.0f} %"
    return f"{face.corrected} (model: {answer})" if face.corrected else answer


def draw(
    image: np.ndarray,
    analysis: "Analysis",
    *,
    labels: bool = True,
    numbers: bool = False,
    names: Mapping[int, str] | None = None,
    unsure_below: float = UNSURE_BELOW,
) -> np.ndarray:
    """Return a copy of the picture with every face boxed and labelled, such as 'Happy 92 %'.

    A face below ``unsure_below`` gets a dashed box and a question mark: 'Sad? 38 %'. A face that
    the user labelled gets the box of their label.
    Lines and letters grow with the picture.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB: the analysed picture, or a reduced or
            enlarged copy of it, to which the boxes are then scaled.
        analysis: what was found in it.
        labels: write the labels; boxes alone without.
        numbers: begin each label with the person's number, or with the face's place in
            ``analysis.faces`` counted from 1.
        names: begin it with what a person is called instead, by number.
        unsure_below: confidence, 0 to 1.

    >>> Image.fromarray(draw(image, analyze(image, classifier, detector)))  # doctest: +SKIP
    """
    canvas = image.copy()
    height, width = canvas.shape[:2]
    sx, sy = width / analysis.width, height / analysis.height
    line = max(2, round(min(height, width) / 220))
    largest_font = max(14.0, min(height, width) / 26)
    # The largest face comes first and is drawn last, over its smaller neighbours.
    for number, face in reversed(list(enumerate(analysis.faces, start=1))):
        x, y, w, h = face.box
        x0, y0 = round(x * sx), round(y * sy)
        x1, y1 = round((x + w) * sx), round((y + h) * sy)
        unsure = face.is_unsure(unsure_below) and not face.corrected
        color = rgb(face.corrected or face.displayed_emotion)
        _rectangle(canvas, (x0, y0, x1, y1), color, line, dashed=unsure)
        if labels:
            text = label(face, unsure_below)
            person = number if face.person is None else face.person
            if name := (names or {}).get(person, str(person) if numbers else ""):
                text = f"{name}  {text}"
            # As wide as the box at most, so that neighbours in a crowd stay readable.
            size = max(12.0, largest_font * 0.55, min(largest_font, (x1 - x0) / len(text) * 1.7))
            _put_tag(canvas, _tag(text, color, round(size)), (x0, y0, x1, y1), line)
    return canvas


#: How much of a face's side is hidden on every side of its box: hair and ears tell a person too.
HIDDEN_MARGIN: Final = 0.25
#: Blocks per side that are left of a hidden face: too few to recognise anybody by.
HIDDEN_BLOCKS: Final = 6


def hide_faces(image: np.ndarray, boxes: Iterable[tuple[float, float, float, float]]) -> np.ndarray:
    """Return a copy of the picture in which nobody can be recognised by the boxed faces.

    Each box, a quarter of its side larger on every side, is reduced to 6×6 blocks: unlike a
    blur, this cannot be computed back.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        boxes: ``(x, y, width, height)`` in pixels of the picture; parts outside it are ignored.
    """
    hidden = image.copy()
    height, width = hidden.shape[:2]
    for x, y, w, h in boxes:
        left, right = (round(x + w * share) for share in (-HIDDEN_MARGIN, 1 + HIDDEN_MARGIN))
        top, bottom = (round(y + h * share) for share in (-HIDDEN_MARGIN, 1 + HIDDEN_MARGIN))
        part = hidden[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
        if part.size:
            blocks = cv2.resize(part, (HIDDEN_BLOCKS, HIDDEN_BLOCKS), interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(blocks, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return hidden


def _rectangle(
    canvas: np.ndarray,
    corners: tuple[int, int, int, int],
    color: tuple[int, int, int],
    line: int,
    *,
    dashed: bool,
) -> None:
    x0, y0, x1, y1 = corners
    # A dark edge makes every colour visible on every background.
    cv2.rectangle(canvas, (x0, y0), (x1, y1), _DARK, line + max(2, line // 2))
    if not dashed:
        cv2.rectangle(canvas, (x0, y0), (x1, y1), color, line)
        return
    dash = max(6, 4 * line)
    step = 2 * dash + line  # lines end round, which takes from the gaps
    for start in range(x0, x1, step):
        for y in (y0, y1):
            cv2.line(canvas, (start, y), (min(start + dash, x1), y), color, line)
    for start in range(y0, y1, step):
        for x in (x0, x1):
            cv2.line(canvas, (x, start), (x, min(start + dash, y1)), color, line)


@lru_cache(maxsize=512)
def _tag(text: str, color: tuple[int, int, int], size: int) -> np.ndarray:
    """Return the label as a small picture: text on a field of the emotion's colour."""
    font = _font(size)
    left, top, right, bottom = font.getbbox("Hgy" + text)
    pad = max(3, round(size * 0.3))
    width = round(font.getlength(text)) + 2 * pad
    tag = Image.new("RGB", (width, round(bottom - top) + 2 * pad), color)
    ImageDraw.Draw(tag).text((pad, pad - top), text, font=font, fill=ink(color))
    return np.asarray(tag)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def ink(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever contrasts more (relative luminance of WCAG 2)."""
    linear = [(v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _DARK if (luminance + 0.05) / 0.0556 > 1.05 / (luminance + 0.05) else _LIGHT


def _put_tag(
    canvas: np.ndarray, tag: np.ndarray, corners: tuple[int, int, int, int], line: int
) -> None:
    """Put the label above the box; below where the border is near; inside where both are."""
    x0, y0, _, y1 = corners
    height, width = canvas.shape[:2]
    tag_height, tag_width = tag.shape[:2]
    edge = line // 2
    if y0 - edge - tag_height >= 0:
        top = y0 - edge - tag_height
    elif y1 + edge + tag_height <= height:
        top = y1 + edge
    else:
        top = max(0, y0) + edge
    left = max(0, min(x0 - edge, width - tag_width))
    top = max(0, min(top, height - tag_height))
    part = canvas[top : top + tag_height, left : left + tag_width]
    part[:] = tag[: part.shape[0], : part.shape[1]]
