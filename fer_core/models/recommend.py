"""Which model suits which use, from the accuracy and speed on the cards."""

from collections.abc import Iterable
from typing import Final

from fer_core.models.card import Card

#: The balanced model takes at most this share of the time of the most accurate one.
BALANCED: Final = 1 / 3
#: Models whose times differ by less than this factor are equally fast.
AS_FAST: Final = 1.1


def recommendations(cards: Iterable[Card]) -> dict[str, str]:
    """Return what models are recommended for, by their name.

    Only models measured on FER2013's PublicTest, as trained, are compared, and only those whose
    speed was measured on one kind of machine.

    Args:
        cards: Of the models to choose from.

    Returns:
        ``most accurate``, for pictures; ``balanced``, for videos: the most accurate of those
        that take at most :data:`BALANCED` of its time; ``fastest``, for live pictures on slow
        machines. A model that is several of them has the first.
    """
    known = [
        (figure.accuracy, card.speed.ms_per_face, card.name, card.speed.machine)
        for card in cards
        if (figure := card.figure("PublicTest")) and figure.dataset == "FER2013" and card.speed
    ]
    known = [one for one in known if one[3] == known[0][3]]
    if not known:
        return {}
    best = max(known)
    quick = [one for one in known if one[1] <= best[1] * BALANCED]
    least = min(milliseconds for _, milliseconds, _, _ in known)
    fastest = max(one for one in known if one[1] <= least * AS_FAST)
    chosen = {fastest[2]: "fastest"}
    if quick:
        chosen[max(quick)[2]] = "balanced"
    return chosen | {best[2]: "most accurate"}
