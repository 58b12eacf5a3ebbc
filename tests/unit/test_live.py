"""A live session without a browser: made sequences, a clock that the test turns."""

import threading
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from fer_core import timeline
from fer_core.analysis import Analysis, Face
from fer_core.class_prior import ClassPrior
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.faces import Detection
from fer_core.images import example_portrait
from fer_core.live import LiveOptions, LiveSession, SessionRecord, WorkerPool
from fer_core.live.remote import RemoteSession
from fer_core.live.session import measured
from fer_core.table import columns
from fer_core.tracking import EmotionSmoother, Tracker


def probabilities(**shares: float) -> tuple[float, ...]:
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return tuple(shares.get(emotion.lower(), rest) for emotion in EMOTIONS)


def face(x: float = 200, y: float = 100, size: float = 100, **shares: float) -> Face:
    values = probabilities(**(shares or {"happy": 0.9}))
    return Face(Detection((x, y, size, size), 0.9), values)


def seen(time: float, *faces: Face) -> Analysis:
    return Analysis(640, 480, "test", "test", faces, time)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def frame(value: int = 0) -> np.ndarray:
    return np.full((480, 640, 3), value, np.uint8)


class Bench:
    """A session whose worker runs when the test says so, and notes what it saw."""

    def __init__(self, **options) -> None:
        self.clock, self.pool = Clock(), WorkerPool(workers=0)
        self.seen: list[int] = []
        self.faces: tuple[Face, ...] = (face(),)
        self.session = LiveSession(
            LiveOptions(mirror=False, smoothing=0, **options),
            pool=self.pool,
            clock=self.clock,
            analyze=self.analyze,
        )

    def analyze(self, image: np.ndarray, options: LiveOptions, time: float) -> Analysis:
        self.seen.append(int(image[0, 0, 0]))
        return seen(time, *self.faces)


# Newest frame.


def test_old_frames_are_dropped_and_the_newest_is_analysed() -> None:
    bench = Bench()
    for value in (1, 2, 3):
        bench.session.frame(frame(value))
    assert bench.pool.run_pending() == 1
    assert bench.seen == [3]
    assert bench.session.stats().dropped == 2
    assert bench.pool.run_pending() == 0


def test_a_frame_comes_back_at_once_while_the_model_is_busy() -> None:
    release = threading.Event()
    started = threading.Event()

    def slow(image: np.ndarray, options: LiveOptions, time: float) -> Analysis:
        started.set()
        assert release.wait(60)
        return seen(time)

    session = LiveSession(LiveOptions(mirror=False), pool=WorkerPool(1), analyze=slow)
    try:
        for value in range(20):
            assert session.frame(frame(value))[0, 0, 0] == value
            assert started.wait(60)
    finally:
        release.set()


def test_the_delay_is_that_of_the_frame_whose_result_is_drawn() -> None:
    bench = Bench()
    bench.session.frame(frame())
    bench.clock.now += 0.050
    bench.pool.run_pending()
    bench.clock.now += 0.020
    bench.session.frame(frame())
    assert bench.session.stats().delay == pytest.approx(70)


def test_rates_are_per_second() -> None:
    bench = Bench()
    for i in range(90):
        bench.session.frame(frame())
        if i % 3 == 0:
            bench.pool.run_pending()
        bench.clock.now += 1 / 30
    stats = bench.session.stats()
    assert stats.frames == pytest.approx(30, abs=1)
    assert stats.analyses == pytest.approx(10, abs=1)


def test_an_old_result_is_not_drawn_on_a_new_frame() -> None:
    bench = Bench()
    bench.session.frame(frame())
    bench.pool.run_pending()
    assert bench.session.frame(frame()).any()
    bench.clock.now += 6
    assert not bench.session.frame(frame()).any()
    assert bench.session.faces() is None


def test_no_face_is_a_result_too() -> None:
    bench = Bench()
    bench.faces = ()
    bench.session.frame(frame())
    bench.pool.run_pending()
    assert not bench.session.frame(frame()).any()
    analysis = bench.session.faces()
    assert analysis is not None and analysis.faces == ()


def test_a_model_that_fails_says_why_and_the_video_goes_on() -> None:
    bench = Bench()

    def broken(image: np.ndarray, options: LiveOptions, time: float) -> Analysis:
        raise ModelError("The model is damaged.")

    bench.session._analyze = broken
    bench.session.frame(frame())
    bench.pool.run_pending()
    assert bench.session.error == "The model is damaged."
    assert bench.session.frame(frame(9))[0, 0, 0] == 9
    bench.session._analyze = bench.analyze
    bench.pool.run_pending()
    assert bench.session.error is None


def test_a_closed_session_holds_no_frame_and_takes_none() -> None:
    bench = Bench()
    bench.session.frame(frame())
    bench.pool.run_pending()
    bench.session.close()
    bench.session.frame(frame(7))
    assert bench.pool.run_pending() == 0
    assert bench.session.snapshot() is None


def test_mirror_turns_the_picture_and_its_boxes_but_not_the_numbers() -> None:
    bench = Bench()
    bench.faces = (face(x=500, size=80),)
    bench.session.record.recording = True
    bench.session.frame(frame())
    bench.pool.run_pending()
    bench.session.options = LiveOptions(mirror=True, labels=False)
    shown = bench.session.frame(frame())
    assert shown[:, :200].any() and not shown[:, 320:].any()
    assert bench.session.record.table()["x"].tolist() == [500]


NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


def test_a_hidden_face_stays_hidden_where_it_is_not_found_for_a_moment() -> None:
    bench = Bench(hide=True, labels=False)
    assert bench.session.frame(NOISE).std() < 20, "nobody knows yet where a face is"
    bench.pool.run_pending()
    assert bench.session.frame(NOISE)[120:180, 220:280].std() < 40
    bench.faces = ()
    bench.clock.now += 0.5
    bench.session.frame(NOISE)
    bench.pool.run_pending()
    shown = bench.session.frame(NOISE)
    assert shown[110:190, 210:290].std() < 20 and (shown[:, 400:] == NOISE[:, 400:]).all()
    snapshot = bench.session.snapshot()
    assert snapshot is not None and snapshot[110:190, 210:290].std() < 20
    bench.clock.now += 4
    assert bench.session.frame(NOISE).std() < 20, "the result is too old"


def test_the_picture_with_hidden_faces_is_the_analysed_one() -> None:
    bench = Bench(hide=True)
    bench.session.frame(frame(50))
    bench.pool.run_pending()
    # Faces have moved on in the newest frame, and would be beside the boxes.
    assert bench.session.frame(frame(200))[400, 600, 0] == 50


# The pool.


class Hungry:
    """Always has another frame."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.pending = name, log, True

    def analyze_newest(self) -> None:
        self.log.append(self.name)


def test_visitors_take_turns() -> None:
    pool, log = WorkerPool(workers=0), []
    for name in "abc":
        pool.wake(Hungry(name, log))
    for _ in range(3):
        pool.run_pending()
    assert log == list("abcabcabc")


def test_the_pool_is_bounded_and_a_failure_does_not_end_it() -> None:
    pool, done, running = WorkerPool(workers=2), threading.Event(), []
    most, lock = [0], threading.Lock()

    class Job:
        pending = False

        def analyze_newest(self) -> None:
            with lock:
                running.append(self)
                most[0] = max(most[0], len(running))
            meeting.wait(60)
            with lock:
                running.remove(self)
                left.discard(id(self))
                if not left:
                    done.set()
            raise RuntimeError("made to fail")

    meeting = threading.Barrier(2)
    jobs = [Job() for _ in range(8)]
    left = {id(job) for job in jobs}
    for job in jobs:
        pool.wake(job)
    assert done.wait(60)
    assert most[0] == 2


# Who is who.


def test_numbers_stay_with_people_who_move() -> None:
    tracker = Tracker()
    for i in range(30):
        boxes = [(10 + 10 * i, 100, 80, 80), (500 - 10 * i, 300, 80, 80)]
        # Detectors give them in any order.
        if i % 2:
            assert tracker.update(boxes[::-1], i / 15) == [2, 1]
        else:
            assert tracker.update(boxes, i / 15) == [1, 2]


def test_a_face_lost_for_a_moment_keeps_its_number() -> None:
    tracker = Tracker()
    tracker.update([(100, 100, 80, 80)], 0.0)
    assert tracker.update([], 0.5) == []
    assert tracker.update([(120, 100, 80, 80)], 1.0) == [1]


def test_whoever_comes_later_or_elsewhere_is_somebody_new() -> None:
    tracker = Tracker()
    tracker.update([(100, 100, 80, 80)], 0.0)
    assert tracker.update([(500, 100, 80, 80)], 0.1) == [2]
    for second in (1.5, 3.0, 4.5):
        assert tracker.update([], second) == []
    assert tracker.update([(100, 100, 80, 80)], 5.0) == [3]
    assert tracker.known() == {3}


def test_a_face_of_another_size_is_not_the_same_face() -> None:
    tracker = Tracker()
    tracker.update([(100, 100, 200, 200)], 0.0)
    assert tracker.update([(180, 180, 40, 40)], 0.1) == [2]


# Steadiness.


def test_smoothing_does_the_same_at_any_rate() -> None:
    ends = []
    for rate in (5, 30):
        smoother = EmotionSmoother()
        smoother(seen(0.0, face(happy=0.9)), 0.5)
        for i in range(1, rate + 1):
            shown = smoother(seen(i / rate, face(sad=0.9)), 0.5)
        ends.append(shown.faces[0].probabilities)
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)
    assert sum(ends[0]) == pytest.approx(1)


def test_smoothing_can_be_off() -> None:
    smoother = EmotionSmoother()
    smoother(seen(0.0, face(happy=0.9)), 0)
    now = face(sad=0.9)
    assert smoother(seen(0.03, now), 0).faces[0].probabilities == pytest.approx(now.probabilities)


def test_the_label_does_not_flicker_between_two_near_equal_emotions() -> None:
    smoother, labels = EmotionSmoother(), []
    for i in range(90):
        now = face(happy=0.42, neutral=0.38) if i % 2 else face(happy=0.38, neutral=0.42)
        labels.append(smoother(seen(i / 30, now), 0).faces[0].displayed_emotion)
    assert len(set(labels)) == 1


def test_a_clear_change_shows_at_once_and_a_small_lasting_one_in_a_second() -> None:
    smoother = EmotionSmoother()
    assert smoother(seen(0.0, face(happy=0.8)), 0).faces[0].displayed_emotion == "Happy"
    assert smoother(seen(0.1, face(sad=0.8)), 0).faces[0].displayed_emotion == "Sad"
    small = face(sad=0.4, neutral=0.45)
    assert smoother(seen(0.2, small), 0).faces[0].displayed_emotion == "Sad"
    assert smoother(seen(1.2, small), 0).faces[0].displayed_emotion == "Neutral"


def test_the_confidence_is_that_of_the_label_shown() -> None:
    smoother = EmotionSmoother()
    smoother(seen(0.0, face(happy=0.8)), 0)
    shown = smoother(seen(0.1, face(happy=0.4, sad=0.45)), 0).faces[0]
    assert (shown.displayed_emotion, shown.displayed_confidence) == ("Happy", pytest.approx(0.4))
    assert shown.emotion == "Sad"


def test_a_new_person_does_not_inherit_the_smoothing_of_the_one_before() -> None:
    smoother = EmotionSmoother()
    smoother(seen(0.0, face(happy=0.9)), 2.0)
    for second in (2.0, 4.0):
        assert not smoother(seen(second), 2.0).faces
    shown = smoother(seen(5.0, face(sad=0.9)), 2.0).faces[0]
    assert shown.person == 2 and shown.probabilities[4] == pytest.approx(0.9)


def test_a_face_lost_and_found_goes_on_as_the_same_person() -> None:
    smoother = EmotionSmoother()
    smoother(seen(0.0, face()), 0.4)
    assert smoother(seen(0.5), 0.4).faces == ()
    assert smoother(seen(1.0, face()), 0.4).faces[0].person == 1


# The record.


def test_only_what_is_recorded_is_kept_and_the_last_minute_is_always_there() -> None:
    record = SessionRecord(window=60)
    for i in range(100):
        record.recording = 20 <= i < 30
        record.add(seen(float(i), face()))
    # Its time begins where it began.
    assert record.table()["time"].tolist() == list(range(10))
    assert record.recent()["time"].tolist() == list(range(39, 100))
    record.clear()
    assert record.table().empty and len(record.recent()) == 61


def test_the_record_is_the_table_of_every_result() -> None:
    record = SessionRecord()
    record.recording = True
    smoother = EmotionSmoother()
    # A source that analyses by itself brings its own analyses and no frames.
    analysis = smoother(seen(0.0, face(happy=0.8), face(x=400, sad=0.7)), 0)
    record.add(analysis)
    table = record.table()
    assert list(table.columns) == columns("live")
    assert table["person"].tolist() == [1, 2] and table["emotion"].tolist() == ["Happy", "Sad"]


def test_the_record_holds_what_was_measured_and_what_the_screen_showed() -> None:
    record = SessionRecord()
    record.recording = True
    smoother = EmotionSmoother()
    for i in range(12):
        analysis = seen(i / 10, face(happy=0.9) if i < 10 else face(happy=0.4, sad=0.5))
        shown = smoother(analysis, 2.0)
        record.add(shown, measured(shown, analysis), wall_time=1_790_000_000 + i / 10)
    record.add(seen(1.2))
    table = record.table("My session")
    assert table["status"].tolist() == ["ok"] * 12 + ["no face"]
    assert table["frame"].tolist() == list(range(13))
    assert table["emotion"].tolist()[:12] == ["Happy"] * 10 + ["Sad"] * 2
    assert set(table["displayed_emotion"][:12]) == {"Happy"}
    assert table["sad"][11] == pytest.approx(0.5) and set(table["smoothing"]) == {0}
    assert set(table["source"]) == {"My session"}
    assert datetime.fromisoformat(table["wall_time"][1]).timestamp() == pytest.approx(
        1_790_000_000.1
    )


def test_quality_of_a_face_is_in_the_table() -> None:
    bench = Bench()
    eyes_and_nose = ((40.0, 50.0), (80.0, 50.0), (60.0, 70.0))
    known = replace(face().detection, keypoints=eyes_and_nose)
    bench.faces = (replace(face(), detection=known, sharpness=120.0, brightness=0.5),)
    bench.session.record.recording = True
    bench.session.frame(frame())
    bench.pool.run_pending()
    row = bench.session.record.table().iloc[0]
    assert (row["head_turn"], row["sharpness"], row["brightness"]) == (0.0, 120.0, 0.5)


def test_the_quality_of_a_real_face_is_measured_from_the_first_recorded_row_on() -> None:
    pool = WorkerPool(workers=0)
    session = LiveSession(LiveOptions(model="pk_03"), pool=pool)
    for recording in (False, True):
        session.record.recording = recording
        session.frame(example_portrait())
        pool.run_pending()
    (row,) = session.record.table().to_dict("records")
    assert row["sharpness"] > 0 and 0 < row["brightness"] < 1


def test_a_gap_is_marked_in_the_table_and_in_the_last_minute() -> None:
    record = SessionRecord()
    record.recording = True
    for time in (0.0, 0.5, 1.0, 8.0, 8.5):
        record.add(seen(time, face()), wall_time=1_790_000_000 + time)
    for table in (record.table(), record.recent()):
        assert table["status"].tolist() == ["ok", "ok", "ok", "paused", "ok", "ok"]
        assert table["time"].tolist() == [0.0, 0.5, 1.0, 1.5, 8.0, 8.5]
    paused = record.table().iloc[3]
    assert datetime.fromisoformat(paused["wall_time"]).timestamp() == 1_790_000_001.5
    assert record.table()["frame"].tolist()[:3] == [0, 1, 2]
    # So much was recorded, and the curve has no line in between.
    assert timeline.length(record.table()) == pytest.approx(2.5)
    curve = timeline.curve(record.recent())
    assert curve.loc[2:7.5].isna().all().all() and curve.loc[:1.5].notna().all().all()


def test_both_ways_write_to_one_recording() -> None:
    clock, record = Clock(), SessionRecord()
    record.recording = True
    own = RemoteSession("fast", "blazeface", record, start=clock.now, clock=clock)
    through = LiveSession(
        record=record,
        start=clock.now,
        pool=(pool := WorkerPool(workers=0)),
        clock=clock,
        analyze=lambda image, options, time: seen(time, face()),
    )
    through.frame(frame())
    pool.run_pending()
    clock.now += 1
    own.take({"run": 1, "now": 0.5, "wall": 1_790_000_000, "width": 640, "height": 480, "first": 0,
              "results": [[400]]})  # fmt: skip
    clock.now += 1
    through.frame(frame())
    pool.run_pending()
    table = record.table()
    assert table["model"].tolist() == ["test", "fast", "test"]
    assert table["time"].tolist() == pytest.approx([0, 0.9, 2])
    # What comes late from the way that was left is not sorted in behind.
    record.add(seen(1.5, face()))
    assert len(record) == 3


def test_time_that_was_not_recorded_is_marked_too() -> None:
    record = SessionRecord()
    for time in range(12):
        record.recording = time < 3 or time >= 8
        record.add(seen(float(time), face()))
    assert record.table()["status"].tolist() == ["ok"] * 3 + ["paused"] + ["ok"] * 4
    assert set(record.recent()["status"]) == {"ok"}


def test_a_model_that_loads_and_results_that_are_late_are_told_apart() -> None:
    bench = Bench()
    assert bench.session.waiting() == (0.0, False)
    bench.session.frame(frame())
    bench.clock.now += 4
    bench.session.frame(frame())
    assert bench.session.waiting() == (4.0, False)
    bench.pool.run_pending()
    assert bench.session.waiting() == (0.0, False)
    found: list[tuple[float, bool]] = []

    def slow(name: str | None, prior: ClassPrior) -> None:
        found.append(session.waiting())
        raise ModelError("The model is damaged.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fer_core.live.session.load_classifier", slow)
        session = LiveSession(pool=bench.pool, clock=bench.clock)
        session.frame(frame())
        bench.clock.now += 3
        bench.pool.run_pending()
    assert found == [(3.0, True)]


def test_a_recording_has_an_end() -> None:
    record = SessionRecord(limit=10)
    record.recording = True
    for i in range(20):
        record.add(seen(float(i), face()))
    assert len(record) == 10 and record.full


# The real thing.


def test_the_portrait_is_found_with_haar_on_the_reduced_frame() -> None:
    from fer_core.images import example_portrait

    portrait = np.zeros((480, 640, 3), np.uint8)
    portrait[:, 80:560] = example_portrait()[:480, :480]
    pool = WorkerPool(workers=0)
    session = LiveSession(LiveOptions(detector="haar", mirror=False), pool=pool)
    session.frame(portrait)
    pool.run_pending()
    assert session.error is None
    analysis = session.faces()
    assert analysis is not None
    # Where the portrait's face is, in the pixels of the whole frame.
    centres = [(x + w / 2, y + h / 2) for x, y, w, h in (f.box for f in analysis.faces)]
    assert any(centre == pytest.approx((80 + 225, 120), abs=40) for centre in centres)
    assert (session.snapshot() != portrait).any()


def test_a_late_analysis_does_not_hide_that_the_camera_was_off():
    """One may still come when the camera is off and nothing is recorded any more."""
    record = SessionRecord()
    record.recording = True
    for seconds in (0.0, 0.1):
        record.add(Analysis(640, 480, "fast", "blazeface", (), seconds))
    record.recording = False
    record.pause()
    record.add(Analysis(640, 480, "fast", "blazeface", (), 0.2))
    record.recording = True
    record.add(Analysis(640, 480, "fast", "blazeface", (), 0.4))
    assert record.table()["status"].tolist() == ["no face", "no face", "paused", "no face"]
