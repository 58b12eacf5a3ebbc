"""A recording on disk while it is made, and what a damaged one comes to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fer_core.live import SessionRecord, spool
from fer_core.live.spool import Spool
from fer_core.settings import settings
from tests.unit.test_live import face, seen


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def recorded(*times: float) -> SessionRecord:
    record = SessionRecord()
    record.recording = True
    for time in times:
        record.add(seen(time, face(happy=0.8)), wall_time=1_790_000_000 + time)
    return record


def test_a_recording_is_read_as_it_was_written_and_goes_on() -> None:
    record = recorded(0.0, 0.5)
    written = Spool("abc")
    written.write(record)
    record.add(seen(1.0), wall_time=1_790_000_001)
    written.write(record)
    written.write(record)
    rows = Spool("abc").read()
    assert rows is not None and rows.table("live", from_zero=True).equals(record.table())
    later = SessionRecord()
    later.restore(rows)
    later.recording = True
    later.add(seen(9.0, face(sad=0.7)), wall_time=1_790_000_009)
    table = later.table()
    assert table["status"].tolist() == ["ok", "ok", "no face", "paused", "ok"]
    assert table["time"].tolist()[-1] == 9.0


def test_a_row_that_was_cut_off_is_left_out_and_what_is_damaged_is_none() -> None:
    Spool("abc").write(recorded(0.0, 0.5))
    file = spool.folder() / "abc.rows"
    file.write_bytes(file.read_bytes()[:-5])
    rows = Spool("abc").read()
    assert rows is not None and len(rows) == 1
    (spool.folder() / "abc.json").write_text('{"columns": ["time"]}', encoding="utf-8")
    assert Spool("abc").read() is None
    assert Spool("gone").read() is None


def test_recordings_are_found_by_their_prefix_and_deleted() -> None:
    for name in ("aa1", "aa2", "bb1"):
        Spool(name).write(recorded(0.0))
    assert sorted(spool.names("aa")) == ["aa1", "aa2"]
    Spool("aa1").delete()
    assert spool.names("aa") == ["aa2"]
    spool.delete_before(3600)
    assert spool.names("") != []
    spool.delete_before(-1)
    assert spool.names("") == [] and not list(spool.folder().iterdir())
