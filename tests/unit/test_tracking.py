"""One number per person: from frame to frame, behind somebody else, across cuts."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.identity_metrics import score
from benchmarks.tracking import joins_across_cuts
from fer_core.datasets.base import Dataset
from fer_core.datasets.demo import draw_face
from fer_core.tracking import Tracker, identity, motion, tracker
from fer_core.tracking.appearance import Appearance, appearance, similarities, similarity
from fer_core.tracking.identity import IdentityTracker, scene
from fer_core.tracking.motion import Box, Motion
from fer_core.tracking.tracker import covered
from ui.live.device import fixed

ROOT = Path(__file__).resolve().parents[2]


def crossing(rate: float) -> list[tuple[float, list[tuple[int, Box]]]]:
    """Two faces of 180 pixels pass each other within 6 seconds; person 0 is in front."""
    frames = []
    for index in range(round(6 * rate) + 1):
        time = index / rate
        boxes: list[tuple[int, Box]] = [
            (0, (40 + 170 * time, 200.0, 180.0, 180.0)),
            (1, (1060 - 170 * time, 220.0, 180.0, 180.0)),
        ]
        if covered(boxes[0][1], boxes[1][1]) > 0.5:
            boxes.pop()
        frames.append((time, boxes))
    return frames


@pytest.mark.parametrize("rate", [5, 10, 30])
def test_two_faces_that_pass_each_other_keep_their_numbers(rate: int) -> None:
    noise, numbers = np.random.default_rng(0), Tracker()
    given: dict[int, set[int]] = {0: set(), 1: set()}
    for time, boxes in crossing(rate):
        seen = [tuple(np.add(box, noise.normal(0, 4, 4))) for _, box in boxes]
        for (person, _), number in zip(boxes, numbers.update(seen, time), strict=True):
            given[person].add(number)
    assert given == {0: {1}, 1: {2}}


def test_who_is_hidden_for_less_than_two_seconds_is_expected_where_they_went() -> None:
    numbers = Tracker()
    for index in range(11):
        assert numbers.update([(50 + 100 * index / 10, 100, 80, 80)], index / 10) == [1]
    assert numbers.update([(310, 100, 80, 80)], 2.6) == [1]
    assert numbers.update([(1000, 100, 80, 80)], 2.7) == [2], "nobody gets that far"


def test_a_change_of_resolution_keeps_everybody() -> None:
    numbers = Tracker()
    numbers.update([(100, 100, 80, 80), (400, 100, 80, 80)], 0.0, (640, 480))
    small = [(200, 50, 40, 40), (50, 50, 40, 40)]
    assert numbers.update(small, 0.2, (320, 240)) == [2, 1]


def test_who_was_in_view_when_the_camera_paused_keeps_the_number() -> None:
    """The machine slept for 20 s, or the camera was stopped and started."""
    numbers = Tracker()
    for index in range(20):
        assert numbers.update([(100, 100, 80, 80)], index / 10, (640, 480)) == [1]
    assert numbers.update([(170, 110, 95, 95)], 22.0, (640, 480)) == [1]
    assert numbers.update([(560, 300, 160, 160)], 60.0, (640, 480)) == [2], "across the room"
    # Who was seen to leave, and comes back later, is somebody new: nothing says that it is them.
    for index in range(30):
        numbers.update([], 60 + index / 10, (640, 480))
    assert numbers.update([(560, 300, 160, 160)], 63.0, (640, 480)) == [3]
    # In a recorded video looks decide.
    appearances = [appearance(np.zeros((480, 640, 3), np.uint8), (100, 100, 80, 80))]
    numbers = Tracker()
    numbers.update([(100, 100, 80, 80)], 0.0, (640, 480), appearances)
    assert numbers.update([(100, 100, 80, 80)], 5.0, (640, 480), appearances) == [2]


def test_a_doubtful_assignment_is_told_and_a_clear_one_is_not() -> None:
    clear = Tracker()
    for time, boxes in crossing(30):
        clear.update([box for _, box in boxes], time)
    assert clear.swaps == []
    doubtful = Tracker()
    doubtful.update([(100, 100, 80, 80), (150, 100, 80, 80)], 0.0)
    doubtful.update([(124, 100, 80, 80), (126, 100, 80, 80)], 0.5)
    (swap,) = doubtful.swaps
    assert swap.persons == (1, 2) and swap.time == 0.5
    assert swap.probability == pytest.approx(0.5, abs=0.1)


def test_motion_is_the_same_in_one_step_and_in_many() -> None:
    box = (10.0, 10.0, 80.0, 80.0)
    once, often = Motion(box, 0.0), Motion(box, 0.0)
    once.predict(0.1), often.predict(0.1)
    once.update((30.0, 10.0, 80.0, 80.0)), often.update((30.0, 10.0, 80.0, 80.0))
    once.predict(1.1)
    for step in range(10):
        often.predict(0.2 + step / 10)
    assert often.box == pytest.approx(once.box, abs=1.0)
    assert once.box[0] > 40


# Through a whole clip.


BOX: Box = (250.0, 60.0, 100.0, 120.0)


def picture(seed: int, emotion: str = "Neutral", wall: int = 150) -> np.ndarray:
    """A drawn person before a plain wall, ``(240, 480, 3)``."""
    image = np.full((240, 480, 3), wall, np.uint8)
    image[20:220, 200:400] = draw_face(emotion, 200, seed)
    return image


def film(face: np.ndarray) -> np.ndarray:
    """A grey face before a plain wall, black and white."""
    image = np.full((240, 480, 3), 150, np.uint8)
    image[60:180, 250:350] = cv2.resize(face, (100, 120), interpolation=cv2.INTER_CUBIC)[..., None]
    return image


def persons(shots: list[list[np.ndarray]], places: list[list[Box]]) -> list[list[int]]:
    """The people of each shot, whose pictures are seen five times a second."""
    identities, time, numbers = IdentityTracker(), 0.0, []
    for shot, boxes in zip(shots, places, strict=True):
        numbers.append(list[int]())
        for image in shot:
            appearances = [appearance(image, box) for box in boxes]
            numbers[-1] += identities.update(time, scene(image), boxes, appearances, (480, 240))
            time += 0.2
    of = identities.persons()
    return [sorted({of[number] for number in shot}) for shot in numbers]


def test_three_people_of_a_black_and_white_film_are_three() -> None:
    """Nothing but their faces tells them apart: they sit in one place before one wall."""
    rng = np.random.default_rng(0)
    faces = [cv2.resize(rng.integers(60, 200, (5, 4), np.uint8), (48, 48)) for _ in range(3)]
    assert persons([[film(face)] * 15 for face in faces], [[BOX]] * 3) == [[1], [2], [3]]


def test_people_of_fer2013_are_told_apart_in_black_and_white(fer2013: Dataset) -> None:
    faces = fer2013.split("Training").faces[:40]
    apart = [
        persons([[film(a)] * 15, [film(b)] * 15], [[BOX]] * 2) == [[1], [2]]
        for a, b in zip(faces[::2], faces[1::2], strict=True)
    ]
    assert np.mean(apart) >= 0.8


def test_who_comes_back_after_a_cut_is_known_by_colours_and_face() -> None:
    shots = [[picture(seed, wall=wall)] * 15 for seed, wall in ((3, 20), (11, 240), (3, 60))]
    assert persons(shots, [[BOX]] * 3) == [[1], [2], [1]]


def test_strangers_as_similar_as_those_seen_together_stay_apart() -> None:
    """Two people in one picture are alike to some degree; later ones must be more so."""
    both = np.hstack([picture(3)[:, 200:440], picture(3, "Sad")[:, 200:440]])
    boxes: list[Box] = [(50.0, 60.0, 100.0, 120.0), (290.0, 60.0, 100.0, 120.0)]
    alone = picture(3, wall=20)
    alone[20:220, 200:400] = draw_face("Sad", 200, 3, roll=6)
    similar = similarity(appearance(both, boxes[1]), appearance(alone, BOX))
    assert identity.SIMILAR_UNKNOWN < similar < similarity(*(appearance(both, b) for b in boxes))
    assert persons([[both] * 10, [alone] * 10], [boxes, [BOX]]) == [[1, 2], [3]]
    # Without them it would be the same person.
    assert persons([[both] * 10, [alone] * 10], [boxes[1:], [BOX]]) == [[1], [1]]


def appearances_of(*seeds: int) -> list[Appearance]:
    """What drawn people look like."""
    return [appearance(picture(seed), BOX) for seed in seeds]


def recorded(
    frames: list[tuple[float, list[tuple[int, Box]]]], appearances: list[Appearance]
) -> list:
    """The numbers that each person of a recorded video gets, in the order of time."""
    identities, given = IdentityTracker(), []
    plain = scene(np.full((240, 480, 3), 150, np.uint8))
    for time, found in frames:
        boxes, seen = [box for _, box in found], [appearances[person] for person, _ in found]
        given += zip(
            [person for person, _ in found],
            identities.update(time, plain, boxes, seen, (1280, 720)),
            strict=True,
        )
    of = identities.persons()
    return [
        list(dict.fromkeys(of[number] for one, number in given if one == person))
        for person in range(len(appearances))
    ]


@pytest.mark.parametrize("rate", [5, 10, 30])
def test_two_people_who_cross_in_a_recording_stay_two(rate: int) -> None:
    assert recorded(crossing(rate), appearances_of(3, 11)) == [[1], [2]]


@pytest.mark.parametrize("rate", [5, 10, 30])
def test_people_who_meet_and_turn_round_are_known_by_appearance(rate: int) -> None:
    """Both go back where they came from, while their motion says that they go on."""
    frames = []
    for index in range(8 * rate):
        time = index / rate
        way = 170 * min(time, 6.2 - time)
        boxes: list[tuple[int, Box]] = [
            (0, (40 + way, 200.0, 180.0, 180.0)),
            (1, (1060 - way, 220.0, 180.0, 180.0)),
        ]
        if time < 6:
            frames.append((time, boxes[:1] if covered(boxes[0][1], boxes[1][1]) > 0.4 else boxes))
    assert recorded(frames, appearances_of(3, 11)) == [[1], [2]]


def test_who_comes_back_in_front_of_somebody_does_not_become_them() -> None:
    """Person 0 leaves for three seconds, and hides person 1 on the way back."""
    frames = []
    for index in range(100):
        time = index / 10
        away = np.clip(time - 2, 0, 1) - np.clip(time - 6, 0, 1)
        front: Box = (500 - 900 * away, 200.0, 180.0, 180.0)
        behind: Box = (300.0, 210.0, 180.0, 180.0)
        boxes = [(0, front)] if front[0] > 0 else []
        if covered(front, behind) < 0.5:
            boxes.append((1, behind))
        frames.append((time, boxes))
    assert recorded(frames, appearances_of(3, 11)) == [[1], [2]]


def test_all_similarities_at_once_are_those_of_pairs() -> None:
    appearances = appearances_of(3, 11, 5)
    grey = appearance(film(cv2.resize(np.eye(6, dtype=np.uint8) * 200, (48, 48))), BOX)
    edge = appearance(picture(3), (250.0, -100.0, 100.0, 120.0))
    appearances += [grey, edge]
    expected = [[similarity(a, b) for b in appearances] for a in appearances]
    assert similarities(appearances) == pytest.approx(np.array(expected))


def test_a_join_has_a_confidence() -> None:
    identities = IdentityTracker()
    for index, (seed, wall) in enumerate([(3, 20)] * 10 + [(11, 240)] * 10 + [(3, 60)] * 10):
        image = picture(seed, wall=wall)
        identities.update(index / 5, scene(image), [BOX], [appearance(image, BOX)], (480, 240))
    joins = {join.tracks: join for join in identities.joins()}
    assert joins[1, 3].confidence > 0.9 and joins[1, 3].time == pytest.approx(4.0)


# Measured as others measure.

#: Person and number frame by frame: person 0 comes back as number 1, person 1 as that too.
WHO = [(0, 1), (0, 1), (0, 1), (0, 1), (1, 1), (1, 2)]


def test_the_measures_are_those_of_motmetrics() -> None:
    """motmetrics 1.4.0 gives these values for this example."""
    frames = []
    for index in range(10):
        truth = [(p, (100.0 * p + 5 * index, 50.0, 40.0, 40.0), True) for p in range(3)]
        found = []
        for person, box, _ in truth:
            if person == 1 and index in (4, 5):
                continue
            number = {0: 1, 1: 2, 2: 3}[person]
            if index >= 6:
                number = {0: 3, 1: 9, 2: 1}[person]
            found.append((number, (box[0] + 2, box[1] - 1, box[2], box[3])))
        if index in (2, 3):
            found.append((7, (400.0, 300.0, 40.0, 40.0)))
        frames.append((truth, found))
    result = score(frames)
    assert result.idf1 == pytest.approx(16 / 30)
    assert (result.switches, result.fragments) == (3, 1)
    assert (result.faces, result.numbered, result.right_count) == (30, 30, 0)


def test_a_number_that_is_somebody_else_after_a_cut_is_a_wrong_join() -> None:
    box: Box = (100.0, 50.0, 40.0, 40.0)
    frames = [([(person, box, True)], [(number, box)]) for person, number in WHO]
    counts = joins_across_cuts(frames, [0, 0, 1, 1, 2, 2])
    assert (counts["all"], counts["wrong"]) == (2, 1)
    # A number that is given for a moment only is nobody, and two numbers are a switch.
    assert score(frames, least=2).right_count == 0 and score(frames).right_count == 1
    assert score(frames).switches == 1


def test_the_browser_gives_the_same_numbers(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine: the browser tests cover the same script")
    rng, clips, expected = np.random.default_rng(0), [], []
    for _ in range(20):
        numbers, people, clip, given = Tracker(), rng.uniform(0, 600, (4, 4)), [], []
        for index in range(60):
            size = (640, 480) if index < 40 else (320, 240)
            seen = [
                [p[0] + (p[2] - 300) * index / 30, p[1], 60.0, 60.0]
                for number, p in enumerate(people)
                if rng.random() > 0.15 and not (number == 0 and 5 <= index < 45)
            ]
            boxes = [(np.array(b) * size[0] / 640 + rng.normal(0, 2, 4)).tolist() for b in seen]
            rng.shuffle(boxes)
            time = index / 15 + (20 if index >= 50 else 0)
            clip.append([boxes, time, size])
            given.append(numbers.update([tuple(box) for box in boxes], time, size))
        clips.append(clip)
        expected.append(given)
    script = tmp_path / "numbers.mjs"
    script.write_text(
        (ROOT / "ui" / "device" / "tracker.js").read_text(encoding="utf-8")
        + f"const k = {json.dumps(fixed()['k'])}, clips = {json.dumps(clips)};\n"
        "console.log(JSON.stringify(clips.map((clip) => {\n"
        "  const tracker = new Tracker(k);\n"
        "  return clip.map((frame) => tracker.update(...frame));\n"
        "})));\n",
        encoding="utf-8",
    )
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == expected
    assert len({number for clip in expected for frame in clip for number in frame}) > 4


def test_the_browser_is_told_every_constant_of_the_tracker() -> None:
    told = fixed()["k"]
    assert told["KEEP"] == tracker.RETENTION and told["GATE"] == tracker.GATE
    assert told["PLACE_DRIFT"] == motion.PLACE_DRIFT and told["FADE"] == motion.FADE
