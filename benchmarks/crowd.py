"""Made videos of several people whose identities are known, for measuring tracking."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from fer_core.tracking.motion import Box

SIZE: Final = (960, 540)
RATE: Final = 30
SECONDS: Final = 8.0
#: What happens in a clip.
EVENTS: Final = ("crossing", "leaving", "cuts, same people", "cuts, other people", "zoom", "shake")

_SKIN: Final = ((238, 205, 180), (224, 172, 140), (190, 135, 100), (120, 80, 58))
_HAIR: Final = ((30, 24, 22), (92, 60, 36), (170, 130, 70), (150, 150, 150), (140, 60, 30))


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a clip.

    Attributes:
        picture: ``(H, W, 4)`` ``uint8``, RGB and opacity; the face has the width ``side``.
        side: Pixels.
        left: Of the face within the picture.
        top: Likewise.
    """

    picture: np.ndarray
    side: int
    left: int
    top: int


@dataclass(frozen=True)
class Truth:
    """A face that can be seen in a frame.

    Attributes:
        person: Number, from 0.
        box: ``(x, y, width, height)`` in pixels: the dataset's crop.
        shown: Share of the face that nothing hides, 0 to 1.
        scene: Number of cuts before.
    """

    person: int
    box: Box
    shown: float
    scene: int = 0


def dress(face: np.ndarray, side: int, rng: np.random.Generator, twins: int | None) -> Person:
    """Return a person with a face, hair and clothes.

    Args:
        face: ``(48, 48)`` grey, ``uint8``.
        side: Pixels of the face.
        rng: Chooses the colours.
        twins: Seed of the colours that everybody in the clip has, or ``None``.
    """
    colours = rng if twins is None else np.random.default_rng(twins)
    skin = np.array(_SKIN[colours.integers(len(_SKIN))], np.float32)
    hair = np.array(_HAIR[colours.integers(len(_HAIR))], np.float32)
    shirt = colours.uniform(20, 235, 3)
    width, height = round(1.9 * side), round(2.6 * side)
    left, top = round(0.45 * side), round(0.4 * side)
    picture = np.zeros((height, width, 4), np.float32)
    grid = np.zeros((height, width), np.uint8)
    middle, chin = left + side // 2, top + side
    # Clothes, hair, then the face over both.
    shoulders = np.array(
        [(0, height), (round(0.1 * side), chin + round(0.25 * side)), (middle, chin - side // 10),
         (width - round(0.1 * side), chin + round(0.25 * side)), (width, height)]
    )  # fmt: skip
    cv2.fillPoly(grid, [shoulders], 255)
    picture[grid > 0] = (*shirt, 255)
    grid[:] = 0
    centre = (middle, top + round(0.42 * side))
    cv2.ellipse(grid, centre, (round(0.5 * side), round(0.66 * side)), 0, 0, 360, 255, -1)
    picture[grid > 0] = (*hair, 255)
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    tinted = large[..., None] * skin / 190
    grid[:] = 0
    centre = (middle, top + round(0.55 * side))
    cv2.ellipse(grid, centre, (round(0.44 * side), round(0.52 * side)), 0, 0, 360, 255, -1)
    soft = (
        cv2.GaussianBlur(grid, (0, 0), side / 30)[top : top + side, left : left + side, None]
        / 255.0
    )
    part = picture[top : top + side, left : left + side]
    part[..., :3] = soft * tinted + (1 - soft) * part[..., :3]
    part[..., 3] = np.maximum(part[..., 3], 255 * soft[..., 0])
    return Person(np.clip(picture, 0, 255).astype(np.uint8), side, left, top)


@dataclass(frozen=True)
class Plan:
    """What a clip is like.

    Attributes:
        event: One of :data:`EVENTS`.
        people: 2 to 6.
        grey: Black and white.
        twins: Everybody is dressed alike.
        seed: Of everything else.
    """

    event: str
    people: int
    grey: bool
    twins: bool
    seed: int


def plans(count: int, seed: int) -> list[Plan]:
    """Return plans of clips: every event equally often, a third of the clips dressed alike."""
    rng = np.random.default_rng([seed, 5])
    return [
        Plan(
            event=EVENTS[number % len(EVENTS)],
            people=int(rng.integers(2, 7)),
            grey=bool(rng.random() < 0.3),
            twins=number // len(EVENTS) % 3 == 0,
            seed=int(rng.integers(2**31)),
        )
        for number in range(count)
    ]


def frames(plan: Plan, faces: np.ndarray) -> Iterator[tuple[np.ndarray, list[Truth]]]:
    """Return a clip's frames, :data:`RATE` a second, each with the faces that can be seen.

    Args:
        plan: What happens.
        faces: ``(N, 48, 48)`` grey, ``uint8``, that look out of the picture; some are chosen.
    """
    rng = np.random.default_rng([plan.seed, 1])
    count = plan.people * (2 if plan.event == "cuts, other people" else 1)
    chosen = faces[rng.choice(len(faces), count, replace=False)]
    side = int(rng.uniform(0.13, 0.2) * SIZE[0]) if plan.people < 4 else int(0.1 * SIZE[0])
    twins = plan.seed if plan.twins else None
    people = [dress(face, side, rng, twins) for face in chosen]
    stage = _Stage(plan, people, rng)
    for index in range(round(SECONDS * RATE)):
        image, truth = stage.frame(index / RATE)
        if plan.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        yield image, truth


class _Stage:
    """Moves the people of one clip."""

    def __init__(self, plan: Plan, people: list[Person], rng: np.random.Generator) -> None:
        self.plan, self.people = plan, people
        n = len(people)
        width, height = SIZE
        self.sway = rng.uniform(0, 2 * np.pi, (n, 3))
        self.depth = rng.permutation(n)  # who stands in front
        places = np.linspace(0.1, 0.9, plan.people) * width
        self.home = np.tile(places, 2)[:n] + rng.uniform(-0.03, 0.03, n) * width
        self.height = rng.uniform(0.25, 0.5, n) * height
        self.back = np.round(rng.uniform(60, 200, (4, 3)))
        self.cuts = np.sort(rng.uniform(1.2, SECONDS - 1.2, 2)) if "cuts" in plan.event else []
        self.shuffles = [rng.permutation(n) for _ in range(3)]
        self.start = rng.uniform(0.5, 2.0, n)
        self.gone = rng.uniform(0.7, 4.0, n)
        # Pairs change places, each at its own time and speed.
        pairs = rng.permutation(plan.people)
        self.partner = {int(a): int(b) for a, b in zip(pairs[::2], pairs[1::2], strict=False)}
        self.pace = rng.uniform(2.0, 6.0, n)

    def frame(self, time: float) -> tuple[np.ndarray, list[Truth]]:
        width, height = SIZE
        scene = int(np.searchsorted(self.cuts, time, side="right"))
        image = np.empty((height, width, 3), np.uint8)
        image[:] = self.back[scene if self.plan.event.startswith("cuts") else 0]
        boxes = []
        for index in sorted(self._present(scene), key=lambda i: self.depth[i]):
            x, y = self._place(index, time, scene)
            person = self.people[index]
            blend(image, person.picture, round(x - person.left), round(y - person.top))
            boxes.append((index, (float(round(x)), float(round(y)), person.side, person.side)))
        image, boxes = self._camera(image, boxes, time)
        seen = [replace(truth, scene=scene) for truth in _visible(boxes)]
        return image, [truth for truth in seen if truth.shown > 0.2]

    def _present(self, scene: int) -> list[int]:
        n = self.plan.people
        if self.plan.event == "cuts, other people" and scene == 1:
            return list(range(n, 2 * n))
        return list(range(n))

    def _place(self, index: int, time: float, scene: int) -> tuple[float, float]:
        side = self.people[index].side
        a, b, c = self.sway[index]
        x = self.home[self.shuffles[scene][index] if self.plan.event.startswith("cuts") else index]
        y = self.height[index]
        if self.plan.event == "crossing":
            partners = self.partner | {b: a for a, b in self.partner.items()}
            if (other := partners.get(index)) is not None:
                pace, start = (self.pace[min(index, other)], self.start[min(index, other)])
                share = np.clip((time - start) / pace, 0, 1)
                x += (self.home[other] - x) * share
                y = (self.height[index] + self.height[other]) / 2
        elif self.plan.event == "leaving" and index % 2 == 0:
            begin, end = self.start[index], self.start[index] + 1 + self.gone[index]
            out = -2.0 * side if x < SIZE[0] / 2 else SIZE[0] + side
            away = min(np.clip((time - begin) / 1.0, 0, 1), np.clip((end + 1 - time) / 1.0, 0, 1))
            x += (out - x) * away
        x += 0.15 * side * np.sin(1.3 * time + a) - side / 2
        y += 0.08 * side * np.sin(1.7 * time + b) + 0.03 * side * np.sin(5 * time + c) - side / 2
        return float(x), float(y)

    def _camera(
        self, image: np.ndarray, boxes: list[tuple[int, Box]], time: float
    ) -> tuple[np.ndarray, list[tuple[int, Box]]]:
        width, height = SIZE
        zoom, dx, dy = 1.0, 0.0, 0.0
        if self.plan.event == "zoom":
            zoom = 1 + 0.35 * np.sin(1.2 * time)
        elif self.plan.event == "shake":
            a, b, c = self.sway[0]
            dx = 14 * np.sin(2 * np.pi * 1.1 * time + a) + 6 * np.sin(2 * np.pi * 3.1 * time + c)
            dy = 10 * np.sin(2 * np.pi * 0.9 * time + b)
        else:
            return image, boxes
        matrix = np.array(
            [[zoom, 0, (1 - zoom) * width / 2 + dx], [0, zoom, (1 - zoom) * height / 2 + dy]]
        )
        moved = cv2.warpAffine(image, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
        return moved, [
            (i, (zoom * x + matrix[0, 2], zoom * y + matrix[1, 2], zoom * w, zoom * h))
            for i, (x, y, w, h) in boxes
        ]


def blend(image: np.ndarray, picture: np.ndarray, x: int, y: int) -> None:
    """Draw a picture with its opacity at a place of an image, as far as it lies within."""
    height, width = image.shape[:2]
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + picture.shape[1]), min(height, y + picture.shape[0])
    if right <= left or bottom <= top:
        return
    part = picture[top - y : bottom - y, left - x : right - x].astype(np.float32)
    share = part[..., 3:] / 255
    under = image[top:bottom, left:right]
    under[:] = np.round(share * part[..., :3] + (1 - share) * under)


def _visible(boxes: list[tuple[int, Box]]) -> list[Truth]:
    """Return what of each face is within the picture and not behind those that come later."""
    width, height = SIZE
    seen = []
    for place, (person, box) in enumerate(boxes):
        x, y, w, h = box
        mask = np.zeros((24, 24), bool)
        xs, ys = x + (np.arange(24) + 0.5) / 24 * w, y + (np.arange(24) + 0.5) / 24 * h
        mask[:] = ((ys >= 0) & (ys < height))[:, None] & ((xs >= 0) & (xs < width))[None]
        for _, (ox, oy, ow, oh) in boxes[place + 1 :]:
            # Head and shoulders of whoever stands in front.
            head = ((ys >= oy - 0.2 * oh) & (ys <= oy + 1.1 * oh))[:, None] & (
                (xs >= ox) & (xs <= ox + ow)
            )[None]
            body = (ys > oy + 1.1 * oh)[:, None] & ((xs >= ox - 0.4 * ow) & (xs <= ox + 1.4 * ow))[
                None
            ]
            mask &= ~(head | body)
        seen.append(Truth(person, box, float(mask.mean())))
    return seen
