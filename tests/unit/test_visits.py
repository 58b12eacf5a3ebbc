"""What a browser finds again, and when the server lets go of it."""

from collections.abc import Iterator
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
    file_storage: dict[str, dict] = field(default_factory=dict)

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


@pytest.fixture
def one_megabyte(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A public copy on which a visitor may hold a megabyte, and all together ten."""
    monkeypatch.setenv("FER_VISITOR_MB", "1")
    monkeypatch.setattr(uploads, "_manager", lambda: server)
    monkeypatch.setattr(uploads, "get_instance", lambda: server)
    settings.cache_clear()
    yield server
    monkeypatch.undo()
    settings.cache_clear()


def test_results_and_recordings_count_and_results_make_room(one_megabyte: Server) -> None:
    left, here = open_tab(one_megabyte, "left"), open_tab(one_megabyte, "here")
    left.owner = here.owner = "a visitor"
    results = Results()
    left.results["images"] = (results,)
    assert uploads._reserve(here, "a file", 500_000) and results.nbytes == 0
    left.sizes["live"] = 600_000
    assert not uploads._reserve(here, "another file", 100_000)


def test_visitors_who_hold_much_shut_nobody_out(one_megabyte: Server) -> None:
    for number in range(10):
        greedy = open_tab(one_megabyte, f"greedy {number}", f"{number}")
        greedy.owner = f"greedy {number}"
        assert uploads._reserve(greedy, "a file", 1_000_000) == (number < 9)
    here = open_tab(one_megabyte, "here")
    here.owner = "a visitor"
    assert uploads._reserve(here, "a small file", 100_000), "a tenth is left for those"
    assert not uploads._reserve(here, "a large file", 200_000)
    # Whoever has gone makes room before their two minutes are over, the largest first.
    for name in ("greedy 3", "here"):
        one_megabyte.connected.discard(name)
    visits.tidy(one_megabyte, 1000.0)
    late = open_tab(one_megabyte, "late", "late")
    late.owner = "late"
    assert not uploads._reserve(late, "too large", 1_000_001) and not one_megabyte.closed
    assert uploads._reserve(late, "a file", 900_000)
    assert one_megabyte.closed == ["greedy 3"]
