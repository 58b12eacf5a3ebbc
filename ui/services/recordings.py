"""Recordings on disk while they are made, of the browser that made them."""

import secrets
import threading
from collections.abc import Callable

from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer_core.errors import FerError
from fer_core.live import spool
from fer_core.live.record import SessionRecord
from fer_core.live.spool import Spool
from fer_core.settings import settings
from fer_core.table import Rows
from ui.services import access, quotas, removal, visits

# Sessions of this process that write to a recording, by its name.
_sessions: dict[str, str] = {}
_lock = threading.Lock()


def begin() -> Spool | None:
    """Return a file for a recording of this browser, ``None`` where visitors have no room left."""
    owner = _owner()
    try:
        quotas.check_room()
    except FerError:
        return None
    if owner is None:
        return None
    found = Spool(f"{owner}{secrets.token_hex(8)}")
    take(found)
    return found


def find_interrupted() -> tuple[Spool, Rows] | None:
    """Return the latest recording of this browser that no session shows any more."""
    spool.delete_before(settings().keep_hours * 3600)
    owner, gone = _owner(), removal.hidden("recording")
    for name in spool.names(owner) if owner else ():
        with _lock:
            if name in gone or _shown(name):
                continue
            found = Spool(name)
            take(found)
        rows = found.read()
        if rows is not None and len(rows):
            return found, rows
        found.delete()
    return None


def take(found: Spool) -> None:
    """Note that the visit of the person who is acting shows a recording."""
    _sessions[found.name] = _session()


def write(found: Spool, record: SessionRecord) -> None:
    """Append what was recorded since the last call."""
    found.write(record)


def remove(found: Spool | None, name: str, restore: Callable[[], None]) -> None:
    """Remove a recording, which can be undone for a while.

    Args:
        found: Its file, if it has one.
        name: What it is called.
        restore: Brings back what is in memory.
    """
    names = [found.name] if found else []
    removal.remove("recording", *names, words=f"Recording {name}", restore=restore)


def _owner() -> str | None:
    who = access.person()
    return who.digest if who else None


def _session() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def _shown(name: str) -> bool:
    """Return whether a visit shows a recording, or left it while a tab is still connected."""
    session = _sessions.get(name)
    if session is None:  # of an earlier run of the server
        return False
    active = session == _session() or get_instance().is_active_session(session)
    return active or visits.has_other_tab()
