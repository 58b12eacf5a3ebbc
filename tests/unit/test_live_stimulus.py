"""Stimuli in step with a recording: orders, the time in every row, the measured delay."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_core.errors import FerError
from fer_core.live import SessionRecord
from fer_core.live.page_log import PageLog
from fer_core.live.record import delay_of, shown_of
from fer_core.live.spool import Spool
from fer_core.live.stimulus import FLASH, Shown, estimate_delay, fill, order
from fer_core.settings import settings
from fer_core.table import Rows
from tests.unit.test_live import face, seen

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_a_latin_square_shows_each_stimulus_once_in_each_place_and_balances_followers(
    count: int,
) -> None:
    people = count if count % 2 == 0 else 2 * count
    rows = [order(NAMES[:count] + ["f"] * (count - 5), "latin", place=p + 1) for p in range(people)]
    for column in zip(*rows, strict=True):
        assert set(Counter(column).values()) == {people // count}
    followers = Counter(pair for row in rows for pair in zip(row, row[1:], strict=False))
    assert len(followers) == count * (count - 1) and len(set(followers.values())) == 1
    assert order(NAMES[:count] + ["f"] * (count - 5), "latin", place=people + 1) == rows[0]


def test_a_random_order_belongs_to_the_code() -> None:
    orders = {code: order(NAMES, "random", code) for code in ("P01", "P02", "P03", "P04")}
    assert orders["P01"] == order(NAMES, "random", " P01 ") == [1, 0, 3, 2, 4]
    assert len({tuple(one) for one in orders.values()}) > 1
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in orders.values())
    assert order(NAMES, "fixed", "P01", 3) == [0, 1, 2, 3, 4]
    with pytest.raises(FerError, match="code"):
        order(NAMES, "random")
    with pytest.raises(FerError, match="from 1"):
        order(NAMES, "latin", place=0)


def recording(*times: float):
    rows = Rows()
    for time in times:
        rows.add(seen(time, face()))
    rows.add_pause(times[-1] + 0.5)
    return rows.table("live")


def test_every_row_says_what_was_shown_through_pauses_stalls_and_gaps() -> None:
    shown = [
        Shown(1.0, "cat.mp4"),
        Shown(2.0, "cat.mp4", 1.0, running=False),  # stalls
        Shown(3.0, "cat.mp4", 1.0),
        Shown(4.0, ""),
        Shown(5.0, "dog.png"),
    ]
    table = fill(recording(0.0, 1.0, 1.5, 2.5, 3.5, 4.5, 5.25), shown)
    names = table["stimulus"].fillna("").tolist()
    assert names == ["", "cat.mp4", "cat.mp4", "cat.mp4", "cat.mp4", "", "dog.png", "dog.png"]
    times = table["stimulus_time"].tolist()
    assert times[1:5] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert np.isnan([times[0], times[5]]).all() and times[6:] == pytest.approx([0.25, 0.75])
    # What the camera saw at 1.5 s is the response to what the screen showed at 1.4 s.
    corrected = fill(recording(0.0, 1.0, 1.5), shown, delay=0.1)
    assert corrected["stimulus"].fillna("").tolist()[:3] == ["", "", "cat.mp4"]
    assert corrected["stimulus_time"].iloc[2] == pytest.approx(0.4)


def camera(
    delay: float, rng: np.random.Generator, *, fps: float = 30, noise: float = 0.004,
    bright: float = 0.06, jitter: float = 0.0, drift: float = 0.0,
) -> tuple[list[float], list[tuple[float, float]]]:  # fmt: skip
    """Five flashes and what a made camera sees of them: each picture is exposed until its time."""
    flashes = [10.0 + second for second in range(5)]
    late = {start: delay + rng.uniform(-jitter, jitter) for start in flashes}
    moments = np.arange(8.5 + rng.uniform(0, 1 / fps), 16.0, 1 / fps)
    light = []
    for moment in moments:
        exposed = np.linspace(moment - 1 / fps, moment, 20)
        lit = np.mean([any(0 <= t - s - late[s] < FLASH for s in flashes) for t in exposed])
        value = 0.3 + drift * (moment - 8.5) + bright * lit + rng.normal(0, noise)
        light.append((float(moment), float(value)))
    return flashes, light


def test_the_delay_of_a_made_camera_is_found_to_50_ms() -> None:
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        delay, fps = rng.uniform(0.02, 0.65), float(rng.choice([12, 15, 24, 30, 60]))
        flashes, light = camera(delay, rng, fps=fps, drift=rng.uniform(-0.005, 0.005))
        found = estimate_delay(flashes, light)
        assert found is not None and found.flashes == 5, (seed, delay, fps)
        # A picture shows what was there while it was exposed: on average, in the middle.
        errors.append(abs(found.median - delay - 0.5 / fps))
        assert found.spread <= 0.1
    assert max(errors) <= 0.05


def test_the_spread_says_how_much_the_delay_varies() -> None:
    flashes, light = camera(0.2, np.random.default_rng(1), fps=60, jitter=0.04)
    found = estimate_delay(flashes, light)
    assert found is not None and 0.02 < found.spread < 0.1


def test_a_camera_that_does_not_see_the_flashes_gives_no_delay() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert estimate_delay(*camera(0.2, rng, bright=0.0)) is None
    flashes, light = camera(0.2, np.random.default_rng(0))
    assert estimate_delay(flashes, light[:10]) is None
    assert estimate_delay(flashes, [(t, v) for t, v in light if t > 13]) is None
    assert estimate_delay([], light) is None


def recorded() -> SessionRecord:
    """A recording whose first row is at 5 s of the session."""
    record = SessionRecord()
    record.recording = True
    for step in range(100):
        record.add(seen(5.0 + step / 5, face()))
    return record


def test_keys_become_moments_or_intervals_and_survive_a_restart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    record, log = recorded(), PageLog()
    log.names = ["smile", " "]
    entries = [["key", 1.0, 1], ["key", 2.0, 2], ["key", 3.0, 1]]
    written = Spool("abc")
    written.write(record)
    log.take({"name": 7, "first": 0, "entries": entries[:2]}, record)
    log.take({"name": 7, "first": 0, "entries": entries}, record)  # what was not heard comes again
    log.intervals = True
    log.take({"name": 7, "first": 4, "entries": [["key", 9.0, 1]]}, record)  # after a gap
    more = [["key", 4.0, 1], ["key", 5.0, 3], ["key", 6.5, 1], ["key", "x", 10], "key", None]
    log.take({"name": 7, "first": 3, "entries": more}, record)
    assert log.ack == {"name": 7, "next": 9}
    # After another way's page, the last report of this one is seen again.
    log.take({"name": 8, "first": 0, "entries": []}, record)
    log.take({"name": 7, "first": 3, "entries": more}, record)
    assert log.ack == {"name": 7, "next": 9}
    expected = [
        {"onset": 1.0, "duration": 0.0, "trial_type": "smile"},
        {"onset": 2.0, "duration": 0.0, "trial_type": "2"},
        {"onset": 3.0, "duration": 0.0, "trial_type": "smile"},
        {"onset": 4.0, "duration": 2.5, "trial_type": "smile"},
        {"onset": 5.0, "duration": None, "trial_type": "3"},
    ]
    assert record.beside == {"events": expected}
    written.write(record)
    later = SessionRecord()
    rows = Spool("abc").read()
    assert rows is not None
    later.restore(rows)
    assert later.beside == record.beside
    record.restore(record.clear())
    assert record.beside == later.beside
    record.clear()
    assert record.beside == {}
    settings.cache_clear()


@pytest.mark.parametrize(
    "log", [None, [], {"name": {}, "first": "x", "entries": [[]]}, {"entries": "much"}, {"name": 1}]
)
def test_what_is_no_log_is_left_out(log: object) -> None:
    record = recorded()
    PageLog().take(log, record)
    assert record.beside == {}


def test_many_pages_of_one_visitor_do_not_fill_the_memory() -> None:
    record, log = recorded(), PageLog()
    for page in range(1000):
        log.take({"name": page, "first": 0, "entries": [["key", 1.0, 1]]}, record)
    assert log.ack == {"name": 999, "next": 1} and len(log._next) <= 101


def test_flashes_and_stimuli_of_a_page_give_rows_and_a_delay() -> None:
    record, log = recorded(), PageLog()
    flashes, light = camera(0.15, np.random.default_rng(3))
    entries: list[list] = [["light", t - 9, v] for t, v in light]
    entries += [["flash", t - 9] for t in flashes] + [["flashed", 6.5]]
    entries += [["show", 7.0, "cat.mp4", 0, True], ["show", 9.0, "", 0, True]]
    entries += [["show", 1.0, 3, 0, True], ["show", 1.0], ["light"], [], ["flash", None, 1]]
    log.take({"name": 1, "first": 0, "entries": entries}, record)
    table = record.table()
    assert set(table["stimulus"].dropna()) == {"cat.mp4"}
    row = table[table["time"].sub(8.0).abs() < 0.01].iloc[0]
    assert (row["stimulus"], row["stimulus_time"]) == ("cat.mp4", pytest.approx(1.0))
    delay = delay_of(record.beside)
    assert delay is not None and delay.median == pytest.approx(0.15, abs=0.05)
    assert [one.name for one in shown_of(record.beside)] == ["cat.mp4", ""]


def test_flashes_that_nobody_saw_are_said_to_be_unknown() -> None:
    record = recorded()
    for second in range(5):
        record.flash(6.0 + second)
    record.measure_delay()
    assert record.beside == {"delay": None}
