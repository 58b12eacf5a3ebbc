"""Recorded video: seconds per minute, memory over length, and whether it is right on made
videos whose emotions and change times are known.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd

from benchmarks.versus import Side, again, environment, in_turn, measure_cold, side_commands
from fer_core.analysis import Analysis, analyze
from fer_core.classifier import load_classifier
from fer_core.datasets import load
from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.faces import get_detector, resolve
from fer_core.images import example_portrait
from fer_core.timeline import GAP
from fer_core.video import VideoOptions, VideoResult, analyze_video
from fer_core.video.batch import Task, run_all
from fer_core.video.clips import repeat_clip, shown_in_turn, write_clip
from fer_core.zoo.readme import table

PARTS: Final = ("speed", "cores", "memory", "correct")
#: Seconds of the clip whose reading is timed, and how often it is.
SECONDS: Final = 10
ROUNDS: Final = 3
RATES: Final = {"5 a second": 5.0, "every frame": 0.0}
#: Of a made video: faces, and for how many seconds each is shown.
FACES: Final = 6
SPAN: Final = (1.5, 3.0)
#: How they are taken.
STEADY: Final = "steady"
HANDHELD: Final = "handheld"
#: A made video has the frames that are looked at, and need not be small: it lives for a moment.
FPS: Final = int(VideoOptions().fps)
_UNPACKED: Final = {"preset": "ultrafast"}
#: Seconds within which a change must be found.
WITHIN: Final = 0.5


def run_video(
    parts: Iterable[str] = PARTS,
    *,
    versus: Path | None = None,
    data: str = "demo",
    clips: int = 80,
    minutes: int = 30,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure recorded video on this machine.

    Args:
        parts: of :data:`PARTS`.
        versus: Python of an environment with the ``fer`` package, to compare with.
        data: whose PublicTest faces the made videos show.
        clips: how many of these.
        minutes: length of the long file.
        seed: chooses faces, order and spans.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    result: dict[str, Any] = {"model": load_classifier().name, "detector": resolve("auto")}
    if set(parts) != {"correct"}:
        # What is right is so on any machine.
        result["machine"] = environment()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "speed" in parts:
            result["speed"] = _speed(folder, versus)
        if "cores" in parts:
            result["cores"] = _cores(folder)
        if "memory" in parts:
            result["memory"] = _memory(folder, minutes)
        if "correct" in parts:
            dataset = load(data)
            result["correct"] = {
                name: _correct(folder, dataset, clips, seed, handheld=name == HANDHELD)
                for name in (STEADY, HANDHELD)
            }
    return result


def _clip(path: Path, seconds: float = SECONDS) -> Path:
    """Return the example portrait's upper part in 720p at 30 frames a second: a face that the
    package, which looks for faces from 50 pixels, finds as well.
    """
    portrait = example_portrait()[:300, 80:380]
    return write_clip(path, shown_in_turn([portrait], [seconds], rate=30), rate=30, sound=True)


def _speed(folder: Path, versus: Path | None) -> dict[str, Any]:
    clip, short = _clip(folder / "clip.mp4"), _clip(folder / "short.mp4", 1)
    seconds: dict[str, dict[str, list[float]]] = {rate: {} for rate in RATES}
    package = None
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(Side(c, stack.enter_context(tempfile.TemporaryFile())))
            for name, c in side_commands(versus).items()
        }
        if versus:
            package = sides["fer"].started["version"]
        for side in sides.values():
            _read(side, short, 0.0)  # warm
        for number in range(ROUNDS):
            for rate, fps in RATES.items():
                for name in in_turn(sides, number):
                    # The package's reading of every frame takes long and varies little.
                    if name == "fer" and number:
                        continue
                    spent = _read(sides[name], clip, fps) * 60 / SECONDS
                    seconds[rate].setdefault(name, []).append(spent)
    return {
        "clip seconds": SECONDS,
        "rounds": ROUNDS,
        "package": package,
        "seconds per minute": {
            rate: {name: float(np.median(values)) for name, values in of.items()}
            for rate, of in seconds.items()
        },
    }


def _read(side: Side, path: Path, fps: float) -> float:
    given = {"path": str(path), "fps": fps}
    return side.ask(do="video", repeat=1, warm=False, **{"with": given})["seconds"]


def _cores(folder: Path) -> dict[str, Any]:
    """Return seconds for as many files as there are cores, twice over, by processes."""
    cores, clip = os.cpu_count() or 1, _clip(folder / "once.mp4")
    paths = [repeat_clip(clip, folder / f"copy-{i}.mp4", 3) for i in range(2 * cores)]
    spent = {}
    for workers in sorted({1, cores}):
        # Another smoothing, or the second batch would find what the first has kept.
        tasks = [Task(path, VideoOptions(smoothing=workers / 10)) for path in paths]
        begun = time.perf_counter()
        for _ in run_all(tasks, workers=workers):
            pass
        spent[workers] = time.perf_counter() - begun
    return {"files": len(paths), "clip seconds": 3 * SECONDS, "seconds": spent}


def _memory(folder: Path, minutes: int) -> dict[str, Any]:
    clip = _clip(folder / "piece.mp4")
    lengths = {f"{m} min": m for m in (1, minutes)}
    commands = {
        name: [
            sys.executable,
            "-m",
            "fer_core",
            "video",
            str(repeat_clip(clip, folder / f"{m}.mp4", m * 60 // SECONDS)),
        ]
        for name, m in lengths.items()
    }
    return {
        name: {"megabytes": of["megabytes"]}
        for name, of in measure_cold(commands, 1, warm=False).items()
    }


def _correct(
    folder: Path, data: Dataset, clips: int, seed: int, *, handheld: bool
) -> dict[str, Any]:
    """Show still faces in turn: is what is said at each look what is shown?"""
    public, rng = data.split("PublicTest"), np.random.default_rng(seed)
    classifier, detector = load_classifier(), get_detector()
    samples, hits = [], {"found": 0, "known": 0, "seen": 0, "seen found": 0, "said": 0, "right": 0}
    faces_shown = 0
    for number in range(clips):
        chosen = _emotions_in_turn(public.labels, rng)
        spans = rng.uniform(*SPAN, FACES).round(2)
        faces, labels = public.faces[chosen], public.labels[chosen]
        path = folder / f"turn-{number}.mp4"
        large = [cv2.resize(f, (192, 192), interpolation=cv2.INTER_CUBIC) for f in faces]
        middles = dict.fromkeys(((np.cumsum(spans) - spans / 2) * FPS).astype(int).tolist())
        shown = shown_in_turn(large, spans, rate=FPS, seed=seed + number, handheld=handheld)
        frames = _remembering(shown, middles)
        result = analyze_video(write_clip(path, frames, rate=FPS, options=_UNPACKED))
        path.unlink()
        still = classifier.predict_faces(faces).argmax(axis=1)
        photo = [_surest(analyze(frame, classifier, detector)) for frame in middles.values()]
        samples.append(_samples(result, np.cumsum(spans), labels, still, photo, faces_shown))
        faces_shown += len(faces)
        # A face may be another one though the model says the same emotion of both.
        found = np.concatenate([result.changes()["time"], result.shifts()["time"]])
        known = np.cumsum(spans)[:-1]
        near = np.abs(found[:, None] - known[None]) <= WITHIN
        visible = still[1:] != still[:-1]
        hits["known"] += len(known)
        hits["found"] += int(near.any(axis=0).sum())
        hits["seen"] += int(visible.sum())
        hits["seen found"] += int((near.any(axis=0) & visible).sum())
        hits["said"] += len(found)
        hits["right"] += int(near.any(axis=1).sum())
    every = pd.concat(samples)
    return {
        "data": data.name,
        "clips": clips,
        "seed": seed,
        "faces": faces_shown,
        "samples": len(every),
        "samples with a face": float(every["face found"].mean()),
        **{
            name: float((every[column] == every["shown"]).mean())
            for name, column in (
                ("stills", "still"),
                ("photos", "photo"),
                ("raw", "raw"),
                ("smoothed", "smoothed"),
            )
        },
        "smoothed over photos": _more_often(every, "smoothed", "photo", seed),
        "smoothed over raw": _more_often(every, "smoothed", "raw", seed),
        "changes": hits,
    }


def _more_often(samples: pd.DataFrame, one: str, other: str, seed: int) -> dict[str, float]:
    """Return how much more of the time ``one`` is right than ``other``, and what 95 of 100 draws of
    as many faces would say (bootstrap over the faces shown).
    """
    right = (samples[[one, other]].to_numpy() == samples[["shown"]].to_numpy()).astype(float)
    of = pd.DataFrame({"more": right[:, 0] - right[:, 1], "face": samples["face"].to_numpy()})
    sums = of.groupby("face")["more"].agg(["sum", "count"]).to_numpy()
    rows = np.random.default_rng(seed).integers(len(sums), size=(4000, len(sums)))
    drawn = sums[rows].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return {"mean": float(of["more"].mean()), "low": float(low), "high": float(high)}


def _emotions_in_turn(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return rows of faces, each of another emotion than the one before."""
    chosen: list[int] = []
    while len(chosen) < FACES:
        row = int(rng.integers(len(labels)))
        if not chosen or labels[row] != labels[chosen[-1]]:
            chosen.append(row)
    return np.array(chosen)


def _remembering(
    frames: Iterable[np.ndarray], wanted: dict[int, np.ndarray | None]
) -> Iterator[np.ndarray]:
    """Return the frames; those whose numbers are ``wanted`` are put there."""
    for number, frame in enumerate(frames):
        if number in wanted:
            wanted[number] = frame
        yield frame


def _surest(analysis: Analysis) -> str | None:
    """Return what the face shows that the detector is surest of."""
    faces = sorted(analysis.faces, key=lambda face: face.detection.score or 0.0)
    return faces[-1].emotion if faces else None


def _samples(
    result: VideoResult,
    ends: np.ndarray,
    labels: np.ndarray,
    still: np.ndarray,
    photo: list[str | None],
    before: int,
) -> pd.DataFrame:
    """Return one row per look: which face was shown, after ``before`` of other videos, and what;
    what was said of the dataset's crop, of the picture as a photo, of the video as measured
    and smoothed.
    """
    times = np.arange(round(ends[-1] * result.options.fps)) / result.options.fps
    faces = np.searchsorted(ends, times + 1e-6, "right").clip(max=len(labels) - 1)
    names = np.array(EMOTIONS)
    table = pd.DataFrame(
        {
            "face": before + faces,
            "shown": names[labels[faces]],
            "still": names[still[faces]],
            "photo": np.array(photo, object)[faces],
        },
        index=times.round(2),
    )
    for name, rows in (("raw", result.rows()), ("smoothed", result.smoothed())):
        rows = rows.sort_values("score").drop_duplicates("time", keep="last").sort_values("time")
        said = pd.Series(rows["emotion"].to_numpy(), index=rows["time"].round(2).to_numpy())
        # As in every result, a row stands for the time until the next, up to GAP seconds.
        table[name] = said.reindex(table.index, method="ffill", tolerance=GAP)
    table["face found"] = table.index.isin(said.index)
    return table


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_video` gave, as tables."""
    with_what = f"Measured with {result['model']} and {result['detector']}"
    if machine := result.get("machine"):
        with_what += f" on {machine['cores']} cores, {machine['processor']}"
    parts = [f"{with_what}."]
    if "speed" in result:
        parts += _speed_in_words(result["speed"])
    if "cores" in result:
        cores = result["cores"]
        spent = ", ".join(f"{s:.1f} s by {n}" for n, s in cores["seconds"].items())
        parts.append(
            f"{cores['files']} such clips of {cores['clip seconds']} s at 5 sampled frames a "
            f"second, from the start of the processes, with one thread each: {spent} at once."
        )
    if "memory" in result:
        rows = [(name, f"{of['megabytes']:.0f}") for name, of in result["memory"].items()]
        parts += [
            "Peak memory of a new process over the length of a 720p file, 5 frames a second:",
            table(("file", "MB"), rows),
        ]
    if "correct" in result:
        parts += _correct_in_words(result["correct"])
    parts.append(again("video --versus PYTHON --data fer2013.csv", result["model"]))
    return "\n\n".join(parts)


def _speed_in_words(speed: dict[str, Any]) -> list[str]:
    rows = []
    for rate, of in speed["seconds per minute"].items():
        row = [rate, f"{of['ours']:.1f}"]
        if "fer" in of:
            row += [f"{of['fer']:.1f}", f"{of['fer'] / of['ours']:.1f}"]
        rows.append(row)
    head = ["samples", "ours"] + ([speed["package"], "times as fast"] if speed["package"] else [])
    return [
        f"Seconds per minute of 720p video at 30 frames a second with one face: a clip of "
        f"{speed['clip seconds']} s, both sides loaded and warmed, writing nothing; ours the "
        f"median of {speed['rounds']} rounds, the package's of one.",
        table(head, rows),
    ]


def _correct_in_words(correct: dict[str, Any]) -> list[str]:
    first, columns = correct[STEADY], ("stills", "photos", "raw", "smoothed", "samples with a face")
    gains = ("smoothed over photos", "smoothed over raw")
    return [
        f"Made videos: {first['clips']} clips of {FACES} still PublicTest faces of "
        f"{first['data']} each, shown for {SPAN[0]:g} to {SPAN[1]:g} s one after another, "
        f"moving and growing in 720p, {FPS} frames a second, all looked at; seed "
        f"{first['seed']}. Steady, or as a hand holds a camera in a dim room: swaying, flickering, "
        "noisy. The table shows the share of the time in which the named emotion is the label. A "
        "second without a face counts as wrong. The columns are the dataset's own crops, one "
        "still picture of each face, found and classified as on *Images*, and the video. The last "
        "two columns say by how many points the smoothed video is right more often; the brackets "
        "hold 95 of 100 random draws of as many faces.",
        table(
            (
                "camera",
                "crops",
                "still pictures",
                "video, as measured",
                "smoothed",
                "samples with a face",
                "smoothed over still pictures",
                "over as measured",
            ),
            [
                [name, *(f"{of[k]:.1%}" for k in columns), *(_points(of[k]) for k in gains)]
                for name, of in correct.items()
            ],
        ),
        *(
            f"{name.capitalize()}, of {of['changes']['known']} changes {of['changes']['found']} "
            f"were found within {WITHIN:g} s; of the {of['changes']['seen']} where the model calls "
            f"the two stills differently, {of['changes']['seen found']}. Of "
            f"{of['changes']['said']} change points {of['changes']['right']} are within that time "
            "of a change."
            for name, of in correct.items()
        ),
    ]


def _points(more: dict[str, float]) -> str:
    mean, low, high = (100 * more[k] for k in ("mean", "low", "high"))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"
