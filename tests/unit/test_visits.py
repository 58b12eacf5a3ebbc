"""What a browser finds again, and when the server lets go of it."""

from dataclasses import dataclass, field

import pytest
from streamlit.runtime.state import SessionState

from fer_core.settings import settings
from ui.services import uploads, visits
from ui.services.visits import RETENTION, Visit


@dataclass
class Server:
    """Streamlit's part: which sessions are connected, and which were closed."""

    connected: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)

    def is_active_session(self, name: str) -> bool:
        return name in self.connected

    def close_session(self, name: str) -> None:
        self.closed.append(name)

    @property
    def uploaded_file_mgr(self) -> "Server":
        return self

    def remove_session_files(self, name: str) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(visits, "visits", {})
    return Server()


def open_tab(server: Server, name: str, browser: str = "b") -> Visit:
    visit = visits.visits[name] = Visit("", browser, state=SessionState())
    server.connected.add(name)
    return visit


def test_two_minutes_begin_when_the_last_connection_of_the_browser_is_lost(server: Server) -> None:
    one, two = open_tab(server, "one"), open_tab(server, "two")
    one.state["pictures"] = ["a picture"]
    stranger = open_tab(server, "stranger", "another")
    server.connected.discard("one")
    visits.tidy(server, 1000.0)
    visits.tidy(server, 1000.0 + 10 * RETENTION)
    assert "one" in visits.visits, "a tab of the browser is still there"
    server.connected.discard("two")
    visits.tidy(server, 5000.0)
    visits.tidy(server, 5000.0 + RETENTION - 1)
    assert {"one", "two"} <= visits.visits.keys() and not server.closed
    # A connection that was dropped and comes back is the same visit; its time begins anew.
    server.connected.add("two")
    visits.tidy(server, 5000.0 + RETENTION)
    server.connected.discard("two")
    visits.tidy(server, 6000.0)
    visits.tidy(server, 6000.0 + RETENTION)
    assert set(server.closed) == {"one", "two"} and list(visits.visits) == ["stranger"]
    assert not one.state.filtered_state and two.lost and stranger.lost is None


class Results:
    """What a page made of a picture, which can be made again."""

    nbytes = 900_000

    def clear(self) -> None:
        self.nbytes = 0


def test_results_and_recordings_count_and_results_make_room(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_VISITOR_MB", "1")
    settings.cache_clear()
    try:
        server.file_storage = {}
        monkeypatch.setattr(uploads, "_manager", lambda: server)
        left, here = open_tab(server, "left"), open_tab(server, "here")
        left.owner = here.owner = "a visitor"
        results = Results()
        left.results["images"] = (results,)
        assert uploads._reserve(here, "a file", 500_000) and results.nbytes == 0
        left.sizes["live"] = 600_000
        assert not uploads._reserve(here, "another file", 100_000)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
