"""Saved live sessions, of the person who is acting."""

from typing import Any

import pandas as pd

from fer_core.errors import Damaged
from fer_core.live import saved
from fer_core.live.saved import KeptSession
from ui.services import access, quotas


def save(table: pd.DataFrame, name: str, about: dict[str, Any] | None = None) -> int:
    """Save the numbers of a session, see :func:`fer_core.live.saved.keep_session`."""
    quotas.check_room(len(table) * saved.ROW_BYTES)
    return saved.keep_session(table, name, about, owner=access.owner())


def list_all() -> list[KeptSession]:
    """Return the sessions that the person may see, after deleting those that are too old."""
    saved.delete_owned_before(quotas.oldest())
    return saved.list_sessions(access.visible_owner())


def list_damaged() -> list[Damaged]:
    """Return the sessions of the person that cannot be read."""
    return saved.list_damaged(access.visible_owner())


def load(key: int) -> pd.DataFrame:
    """Return the numbers of a session, see :func:`fer_core.live.saved.load_session`."""
    return saved.load_session(key, access.visible_owner())


def delete(key: int) -> None:
    """Delete a session; do nothing where it is gone already."""
    saved.delete_session(key, access.visible_owner())
