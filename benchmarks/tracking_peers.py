"""Other trackers on the same detections, in a process and an environment of their own.

``tracking_peers.py before`` loads the tracker of an earlier checkout, which is the working folder;
``tracking_peers.py bytetrack`` that of the package ``supervision``. A pickle with clips comes in, a
pickle with their numbers goes out. The file stands alone, since neither has this checkout.
"""

import pickle
import sys
from types import SimpleNamespace
from typing import Any

#: Seconds for which a face that is not found keeps its number, as in ours.
RETENTION = 2.0


def before(clip: dict[str, Any]) -> list[list[int | None]]:
    """Return the tracker of commit ``65fb702``: places, and colours at the end of the clip."""
    from fer_core.video.people import People

    people, numbers = People(), []
    for frame in clip["frames"]:
        faces = [SimpleNamespace(box=box) for box in frame["boxes"]]
        numbers.append(people.update(frame["time"], frame["scene"], faces, frame["colours"]))
    of = people.persons()
    return [[of[number] for number in frame] for frame in numbers]


def bytetrack(clip: dict[str, Any]) -> list[list[int | None]]:
    """Run ByteTrack with its defaults and our patience; it gives some boxes no number."""
    import numpy as np
    import supervision as sv

    rate = clip["rate"]
    tracker = sv.ByteTrack(frame_rate=rate, lost_track_buffer=round(30 * RETENTION))
    numbers: list[list[int | None]] = []
    for frame in clip["frames"]:
        boxes = np.array(frame["boxes"], float).reshape(-1, 4)
        found = sv.Detections(
            xyxy=np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
            confidence=np.array(frame["scores"], float),
            class_id=np.zeros(len(boxes), int),
            data={"place": np.arange(len(boxes))},
        )
        given: list[int | None] = [None] * len(boxes)
        tracked = tracker.update_with_detections(found)
        for place, number in zip(tracked.data.get("place", []), tracked.tracker_id, strict=True):
            given[int(place)] = int(number)
        numbers.append(given)
    return numbers


if __name__ == "__main__":
    track = {"before": before, "bytetrack": bytetrack}[sys.argv[1]]
    clips = pickle.load(sys.stdin.buffer)
    pickle.dump([track(clip) for clip in clips], sys.stdout.buffer)
