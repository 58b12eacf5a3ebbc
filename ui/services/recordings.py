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
from ui.services import access, quotas, removal

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
    _take(found.name)
    return found


def find_interrupted() -> tuple[Spool, Rows] | None:
    """Return the latest recording of this browser that no session shows any more."""
    spool.delete_before(settings().keep_hours * 3600)
    owner, gone = _owner(), removal.hidden("recording")
    for name in spool.names(owner) if owner else ():
        with _lock:
            if _shown(name) or name in gone:
                continue
            _take(name)
        found = Spool(name)
        rows = found.read()
        if rows is not None and len(rows):
            return found, rows
        found.delete()
    return None


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


def _take(name: str) -> None:
    _sessions[name] = _session()


def _shown(name: str) -> bool:
    session = _sessions.get(name)
    return session is not None and (
        session == _session() or get_instance().is_active_session(session)
    )
