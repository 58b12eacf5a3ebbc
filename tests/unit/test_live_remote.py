"""What a visitor's browser reports: each result once, in order, whatever the network does."""

import math
from typing import Any

import pytest

from fer_core import timeline
from fer_core.emotions import EMOTIONS
from fer_core.faces.base import NOSE_DEPTH
from fer_core.live.remote import TENTH, UNIT, RemoteSession


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Sender:
    """A browser: keeps what is not acknowledged, and sends it again."""

    def __init__(self, clock: Clock, run: int = 1) -> None:
        self.clock, self.run, self.began = clock, run, clock()
        self.first, self.results = 0, []

    def see(self, *faces: list[float]) -> None:
        self.results.append([round((self.clock() - self.began) * 1000), *faces])

    def hear(self, ack: dict[str, Any]) -> None:
        if ack["run"] == self.run:
            del self.results[: max(0, ack["next"] - self.first)]
            self.first = max(self.first, ack["next"])

    def report(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "now": self.clock() - self.began,
            "wall": 1_790_000_000 + self.clock() - self.began,
            "width": 640,
            "height": 480,
            "first": self.first,
            "results": list(self.results),
            "stats": {"fps": 30, "analyses": 25, "delay": 40},
        }


def face(person: int = 1, label: str = "Happy", share: float = 0.7) -> list[float]:
    rest = (1 - share) / 6
    shares = [round(UNIT * (share if e == label else rest)) for e in EMOTIONS]
    quality = [*(TENTH * at for at in (40, 50, 80, 50, 70, 70)), 250, round(UNIT * 0.4)]
    return [person, 10, 20, 100, 120, 9000, EMOTIONS.index(label), *shares, *shares, *quality]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(clock: Clock) -> RemoteSession:
    session = RemoteSession("mini_xception", "blazeface", clock=clock)
    session.record.recording = True
    return session


def test_a_result_becomes_a_row_like_the_servers_own(clock: Clock, session: RemoteSession) -> None:
    sender = Sender(clock)
    clock.time = 0.1
    sender.see(face(), face(2, "Sad"))
    session.take(sender.report())
    seen = session.faces()
    assert seen is not None and (seen.width, seen.height) == (640, 480)
    assert [(f.person, f.emotion) for f in seen.faces] == [(1, "Happy"), (2, "Sad")]
    assert seen.faces[0].confidence == pytest.approx(0.7, abs=1e-3)
    assert seen.faces[0].box == (10, 20, 100, 120) and seen.faces[0].detection.score == 0.9
    assert session.stats().analyses == 25
    assert session.record.table()["emotion"].tolist() == ["Happy", "Sad"]


def test_turn_of_the_head_sharpness_and_brightness_are_in_the_table(
    clock: Clock, session: RemoteSession
) -> None:
    sender = Sender(clock)
    # A page of an earlier version, still open in a browser, sends none of them.
    sender.see(face(), face(2)[:21])
    session.take(sender.report())
    table = session.record.table()
    turn = math.degrees(math.atan2(10 / 40, NOSE_DEPTH))
    assert table["head_turn"].iloc[0] == pytest.approx(turn)
    assert table["sharpness"].iloc[0] == 250 and table["brightness"].iloc[0] == 0.4
    assert table[["head_turn", "sharpness", "brightness"]].iloc[1].isna().all()


def test_what_comes_twice_counts_once_and_what_was_lost_comes_again(
    clock: Clock, session: RemoteSession
) -> None:
    sender = Sender(clock)
    for turn in range(40):
        clock.time += 0.5
        sender.see(face())
        lost, unheard = turn in range(5, 25), turn in range(25, 30)
        if not lost:
            session.take(sender.report())
        if not lost and not unheard:
            sender.hear(session.ack)
    times = session.record.table()["time"]
    assert len(times) == 40
    assert times.diff().dropna().tolist() == pytest.approx([0.5] * 39)


def test_a_report_that_begins_too_late_is_not_taken(clock: Clock, session: RemoteSession) -> None:
    sender = Sender(clock)
    sender.see(face())
    session.take(sender.report())
    sender.hear(session.ack)
    sender.see(face())
    sender.see(face())
    late = sender.report()
    late |= {"first": late["first"] + 1, "results": late["results"][1:]}
    session.take(late)
    assert len(session.record) == 1
    session.take(sender.report())
    assert len(session.record) == 3


def test_a_short_stop_does_not_count_as_time_either(clock: Clock, session: RemoteSession) -> None:
    for run in (1, 2):
        sender = Sender(clock, run)
        for _ in range(3):
            clock.time += 0.1
            sender.see(face())
        session.take(sender.report())
        clock.time += 1.0
    table = session.record.table()
    assert table["status"].tolist() == ["ok"] * 3 + ["paused"] + ["ok"] * 3
    assert timeline.length(table) == pytest.approx(0.6, abs=0.02)


def test_the_next_start_goes_on_in_the_same_recording(clock: Clock, session: RemoteSession) -> None:
    for run in (1, 2):
        sender = Sender(clock, run)
        for _ in range(3):
            clock.time += 0.1
            sender.see(face())
        session.take(sender.report())
        clock.time += 10
    table = session.record.table()
    times = table["time"].tolist()
    assert times == sorted(times)
    assert table["status"].tolist() == ["ok"] * 3 + ["paused"] + ["ok"] * 3
    assert times[4] - times[3] == pytest.approx(10.0, abs=0.01)


def test_each_run_is_told_where_the_recording_begins(clock: Clock, session: RemoteSession) -> None:
    for run, zero in ((1, 0.1), (2, -10.0)):
        sender = Sender(clock, run)
        clock.time += 0.1
        sender.see(face())
        session.take(sender.report())
        assert session.clock == {"run": run, "zero": pytest.approx(zero, abs=0.11)}
        clock.time += 10
    session.record.recording = False
    assert session.clock["zero"] is None


def test_a_server_that_forgot_takes_what_was_never_acknowledged(clock: Clock) -> None:
    sender = Sender(clock)
    before = RemoteSession("mini_xception", "blazeface", clock=clock)
    sender.see(face())
    before.take(sender.report())
    sender.hear(before.ack)
    for _ in range(2):
        clock.time += 1
        sender.see(face())
    after = RemoteSession("mini_xception", "blazeface", clock=clock)
    after.record.recording = True
    after.take(sender.report())
    sender.hear(after.ack)
    assert len(after.record) == 2 and sender.results == []


@pytest.mark.parametrize(
    "results",
    [
        None,
        "faces",
        [None, 3, []],
        [[0, None]],
        [[0, [1, 2, 3]]],
        [[0, [*face()[:-1], "much"]], [0, [*face()[:6], 9, *face()[7:]]]],
        [[float("nan"), [float("inf")] * 29]],
        [[0, [1, 10, 20, -5, 120, 9000, 3, *face()[7:]]]],
        [[0, [1, 10, 20, 100, 120, 9000, 3, *[0] * 14, *face()[21:]]]],
    ],
)
def test_what_is_no_face_is_left_out(clock: Clock, session: RemoteSession, results: Any) -> None:
    report = Sender(clock).report() | {"results": results}
    session.take(report)
    table = timeline.seen(session.record.table())
    shares = table[[emotion.lower() for emotion in EMOTIONS]].sum(axis=1)
    assert shares.tolist() == pytest.approx([1.0] * len(table))


def test_times_never_lie_in_the_future(clock: Clock, session: RemoteSession) -> None:
    sender = Sender(clock)
    clock.time = 1
    sender.results = [[10_000_000, face()], [0, face()]]
    session.take(sender.report())
    clock.time = 2
    assert session.record.latest is not None and session.record.latest.time == 1


def test_old_results_are_not_shown_as_the_present(clock: Clock, session: RemoteSession) -> None:
    sender = Sender(clock)
    sender.see(face())
    session.take(sender.report())
    clock.time = 6
    assert session.faces() is None
