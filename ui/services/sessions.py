"""Saved live sessions, of the person who is acting."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from fer_core.errors import Damaged
from fer_core.face_labels import FaceLabel
from fer_core.live import saved
from fer_core.live.saved import SavedSession
from ui.services import access, quotas, removal


def save(table: pd.DataFrame, name: str, about: dict[str, Any] | None = None) -> int:
    """Save the numbers of a session, see :func:`fer_core.live.saved.save_session`."""
    quotas.check_room(len(table) * saved.ROW_BYTES)
    return saved.save_session(table, name, about, owner=access.owner())


def list_all() -> list[SavedSession]:
    """Return the sessions that the person may see, after deleting those that are too old."""
    saved.delete_owned_before(quotas.oldest())
    gone = removal.hidden("session")
    found = saved.list_sessions(access.visible_owner())
    return [one for one in found if str(one.id) not in gone]


def list_damaged() -> list[Damaged]:
    """Return the sessions of the person that cannot be read."""
    gone = removal.hidden("session")
    return [one for one in saved.list_damaged(access.visible_owner()) if one.name not in gone]


def load(key: int) -> pd.DataFrame:
    """Return the numbers of a session, see :func:`fer_core.live.saved.load_session`."""
    return saved.load_session(key, access.visible_owner())


def label(key: int, labels: Sequence[FaceLabel]) -> None:
    """Save the labels of a session, see :func:`fer_core.live.saved.label_session`."""
    saved.label_session(key, labels, access.visible_owner())


def delete(*keys: int) -> None:
    """Delete sessions, which can be undone for a while; do nothing where they are gone."""
    names = {one.id: one.name for one in list_all()}
    names |= {int(one.name): one.name for one in list_damaged()}
    found = [key for key in keys if key in names]
    if found:
        words = f"{len(found)} sessions" if len(found) > 1 else f"Session {names[found[0]]}"
        removal.remove("session", *map(str, found), words=words)
