"""The seven emotions of FER2013: their order, names and colours.

The order is that of the dataset's codes 0 to 6 and of every probability vector in
this project. The colours are the Okabe-Ito palette, which stays distinguishable for
colour-blind eyes; they are never the only sign, the name stands beside them. Boxes, charts,
reports and the browser's drawings all take their colours from here.
"""

from typing import Final

EMOTIONS: Final = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")

#: Below this confidence a face is marked as unsure unless another limit is given.
UNSURE_BELOW: Final = 0.5

#: Hex colour per emotion (Okabe & Ito 2008, *Color Universal Design*).
COLORS: Final[dict[str, str]] = {
    "Angry": "#D55E00",
    "Disgust": "#009E73",
    "Fear": "#CC79A7",
    "Happy": "#E69F00",
    "Sad": "#0072B2",
    "Surprise": "#56B4E9",
    "Neutral": "#8C8C8C",
}


def rgb(emotion: str) -> tuple[int, int, int]:
    """Return the colour of ``emotion`` as ``(red, green, blue)``, each 0 to 255.

    >>> rgb("Happy")
    (230, 159, 0)
    """
    value = COLORS[emotion].lstrip("#")
    return int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)
