"""Everything that people stored on this machine: how much there is, and its deletion."""

from fer_core import stored_data
from fer_core.stored_data import StoredData
from ui.services import access, removal, sessions, videos

__all__ = ["StoredData", "count", "count_own", "delete_all"]


def count() -> StoredData:
    """Return how much is stored, for administrators."""
    access.require("see what others stored")
    return stored_data.count_all()


def count_own() -> tuple[int, int]:
    """Return how many live sessions and analysed videos the person who is acting has."""
    who = access.person()
    return len(sessions.list_all()), len(videos.list_jobs(who.key)) if who else 0


def delete_all() -> StoredData:
    """Delete everything for good, see :func:`fer_core.stored_data.delete_all`.

    What was deleted a moment ago and could still be undone goes for good as well: nothing comes
    back afterwards.
    """
    access.require("delete all stored data")
    removal.finish_all()
    return stored_data.delete_all()
