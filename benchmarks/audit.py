"""The audit of FER2013, and how good it is at finding: writes docs/dataset-audit.md."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.versus import again
from fer_core.audit import KINDS, Audit, audit, labels, network
from fer_core.datasets import SPLITS, Dataset, demo, duplicates, load
from fer_core.datasets.ferplus import counts_of, decided
from fer_core.datasets.ferplus import not_faces as voted_no_face
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.zoo.readme import table as markdown

#: What was seen in the pictures that the audit of FER2013 lists without votes, in those that
#: FER+ calls no face and the audit does not list (``voted``), and in 800 taken at random:
#: ``face``, ``list`` and ``seen``, one of photo (of a face), drawn, text and object.
BY_EYE: Final = Path(__file__).resolve().parents[1] / "docs" / "measured" / "by_eye.csv"
#: Shares of the demo faces that get a wrong label, and how often it is tried.
PLANTED: Final = (0.02, 0.05, 0.1, 0.2)
SEEDS: Final = 3


def run_audit(data: str, votes: Path, model: str | None = None, seed: int = 0) -> dict[str, Any]:
    """Audit FER2013 without votes and with them, and measure the audit itself.

    Args:
        data: FER2013's CSV.
        votes: FER+.
        model: whose features are used; without, the default model's.
        seed: of the folds, and the first of the planted errors.
    """
    dataset = load(data, votes)
    counts = counts_of(dataset, votes)
    alone = audit(replace(dataset, votes=None), model=model, seed=seed)
    voted = audit(dataset, model=model, counts=counts, seed=seed)
    return {
        "seed": seed,
        "alone": alone.summary,
        "voted": voted.summary,
        "splits": {
            name: _by_split(found, dataset) for name, found in (("alone", alone), ("voted", voted))
        },
        "emotions": _by_emotion(dataset, alone, counts),
        "across": _across(dataset),
        "planted": [
            planted(share, seed + number, model) for share in PLANTED for number in range(SEEDS)
        ],
        "no_face": _against_votes(dataset, alone, counts),
        "by_eye": _by_eye(dataset, alone),
    }


def planted(share: float, seed: int, model: str | None = None) -> dict[str, Any]:
    """Return how well the audit finds wrong labels among the demo faces that were planted there.

    Returns:
        ``share``, ``seed``; ``found``, the share of the planted errors among as many faces
        that rank first; ``precision`` and ``recall`` of what confident learning calls
        wrong; ``proposals``, how often the label proposed is the right one.
    """
    faces = demo.load()
    rng = np.random.default_rng(seed)
    number = int(share * len(faces))
    rows = rng.choice(len(faces), number, replace=False)
    given = faces.labels.copy()
    given[rows] = (given[rows] + rng.integers(1, len(EMOTIONS), number)) % len(EMOTIONS)
    values = network.features(faces.faces, network.explainable(model))
    views = (values, network.gradients(faces.faces))
    found = labels.find(given, network.out_of_fold(views, given, seed=seed))
    wrong = given != faces.labels
    hits = found.wrong & wrong
    return {
        "share": share,
        "seed": seed,
        "found": float(wrong[np.argsort(-found.score)[:number]].mean()),
        "precision": float(wrong[found.wrong].mean()),
        "recall": float(found.wrong[wrong].mean()),
        "proposals": float((found.proposal == faces.labels)[hits].mean()),
    }


def _by_split(found: Audit, dataset: Dataset) -> dict[str, dict[str, int]]:
    table = found.problems
    return {
        kind: {
            split: int(((table["kind"] == kind) & (table["split"] == split)).sum())
            for split in dataset.counts()
        }
        for kind in KINDS
    }


def _by_emotion(dataset: Dataset, alone: Audit, counts: np.ndarray) -> dict[str, dict[str, Any]]:
    rows = alone.problems.loc[alone.problems["kind"] == "label", "row"]
    found = np.isin(np.arange(len(dataset)), rows)
    clear, out = decided(counts), labels.outvoted(dataset.labels, counts)
    result = {}
    for code, emotion in enumerate(EMOTIONS):
        of = dataset.labels == code
        instead = np.bincount(counts[of & out].argmax(axis=1), minlength=len(EMOTIONS))
        result[emotion] = {
            "faces": int(of.sum()),
            "found": float(found[of].mean()),
            "outvoted": float(out[of & clear].mean()),
            "instead": EMOTIONS[int(instead.argmax())],
            "instead_share": float(instead.max() / max(1, instead.sum())),
        }
    return result


def _across(dataset: Dataset) -> dict[str, int]:
    """Return pictures that occur in two splits, by the two."""
    group = duplicates.near(dataset.faces, duplicates.hashes(dataset.faces))
    of = {split: set(group[(dataset.usage == split) & (group >= 0)]) for split in SPLITS}
    pairs = [(a, b) for i, a in enumerate(SPLITS) for b in SPLITS[i + 1 :]]
    return {f"{a} and {b}": len(of[a] & of[b]) for a, b in pairs}


def _against_votes(dataset: Dataset, alone: Audit, counts: np.ndarray) -> dict[str, Any]:
    """Return pictures that show no face, found without votes; the votes are the reference."""
    table = alone.problems
    truth = voted_no_face(counts)
    result: dict[str, Any] = {"faces": len(dataset), "voted": int(truth.sum())}
    for name, kinds in {
        "no face, or nothing to see": ("no_face", "blank"),
        "drawn or written as well": ("no_face", "blank", "drawn"),
    }.items():
        rows = table.loc[table["kind"].isin(kinds), "row"].unique()
        hits = int(truth[rows].sum())
        result[name] = {
            "listed": len(rows),
            "precision": hits / max(1, len(rows)),
            "recall": hits / max(1, result["voted"]),
        }
    return result


def _by_eye(dataset: Dataset, alone: Audit) -> dict[str, Any]:
    """Return what :data:`BY_EYE` says of each list of this audit."""
    seen = pd.read_csv(BY_EYE)
    keys = face_keys(dataset.faces)
    table = alone.problems
    result: dict[str, Any] = {}
    for kind in ("blank", "no_face", "drawn"):
        listed = table.loc[table["kind"] == kind, "face"]
        known = seen[(seen["list"] == kind) & seen["face"].isin(listed)]
        result[kind] = {"listed": len(listed), "seen": known["seen"].value_counts().to_dict()}
    strange = set(table.loc[table["kind"].isin(["blank", "no_face", "drawn"]), "face"])
    voted = seen[(seen["list"] == "voted") & seen["face"].isin(set(keys) - strange)]
    result["voted"] = {"seen": voted["seen"].value_counts().to_dict()}
    some = seen[seen["list"] == "random"]
    drawn = set(some.loc[some["seen"] == "drawn", "face"]) & set(keys)
    result["random"] = {
        "faces": len(some),
        "drawn": len(drawn),
        "found": len(drawn & strange),
    }
    return result


def to_markdown(result: dict[str, Any]) -> str:
    """Return the page docs/dataset-audit.md."""
    alone, voted = result["alone"], result["voted"]
    model = alone["labels"]["model"]
    how = f"audit --data fer2013.csv.xz --votes fer2013new.csv --model {model}"
    how += f" --seed {result['seed']} --save"
    parts = [
        "# What is wrong with FER2013",
        "Written by `python -m benchmarks results` from `docs/measured/audit.json`; never by hand. "
        f"{again(how)} The audit alone, also of other data: `python -m fer_core dataset "
        "fer2013.csv.xz --votes fer2013new.csv --audit`, or 'Look through all faces' on "
        "the Dataset page, which shows every face it names.",
        f"{alone['faces']:,} faces, rebuilt from public copies of FER2013. Two linear "
        "discriminants are learned over 5 folds, one on what the last layer of the model "
        f"{model} is given, one on histograms of gradients of the pixels; the geometric mean of "
        f"what they say is right on {alone['labels']['out_of_fold']:.1%} of the labels they did "
        "not learn. 'Votes' are those of FER+ (Barsoum et al. 2016, arXiv 1608.01041), ten "
        "annotators per face.",
        "## How many of each kind",
        _kinds(result),
        "## Labels",
        _labels(result),
        "## How good the finder is",
        *_finder(result),
        "## What accuracy a model can have at most",
        *_attainable(voted),
        "## Copies",
        _copies(result),
        "## No face, and drawn faces",
        *_not_faces(result),
        "## What follows",
        "The proposals of the audit become corrections (`--propose`, or key A on the page), an "
        "overlay that never changes the file. For training they are taken for the split Training "
        "only, so that what is measured on stays what others measure on. What they change is under "
        "[Training with corrections](results.md#training-with-corrections).",
    ]
    return "\n\n".join(parts) + "\n"


def _kinds(result: dict[str, Any]) -> str:
    rows = []
    for kind, words in KINDS.items():
        alone, voted = (result["splits"][name][kind] for name in ("alone", "voted"))
        total = sum(voted.values())
        rows.append(
            (
                words.lower(),
                f"{sum(alone.values()):,}",
                f"{total:,}",
                f"{total / result['voted']['faces']:.1%}",
                *(f"{n:,}" for n in voted.values()),
            )
        )
    head = ("kind", "without votes", "with votes", "share", *result["splits"]["voted"]["label"])
    return markdown(head, rows)


def _labels(result: dict[str, Any]) -> str:
    found, who = result["voted"]["labels"], result["voted"]["annotators"]
    rows = [
        (
            emotion,
            f"{row['faces']:,}",
            f"{row['found']:.1%}",
            f"{row['outvoted']:.1%}",
            f"{row['instead'].lower()} ({row['instead_share']:.0%})",
        )
        for emotion, row in result["emotions"].items()
    ]
    head = (
        "label",
        "faces",
        "called wrong by the model",
        "outvoted, of faces with a clear majority",
        "most often for",
    )
    return (
        f"Confident learning calls {found['wrong_by_model']:.1%} of the labels wrong. The "
        f"annotators' majority is the label on {who['agree']:.1%} of the faces and another of the "
        f"seven emotions on {who['outvoted']:.1%}; on {who['undecided']:.1%} no single one of the "
        f"seven wins. The winner has {who['unity']:.0%} of a face's votes on average, so a part of "
        "what looks like noise is that faces are ambiguous, and that FER2013's labels, which come "
        "from search words, mean something else by fear or sadness than ten people who see only "
        "the face.\n\n" + markdown(head, rows)
    )


def _finder(result: dict[str, Any]) -> list[str]:
    rows = []
    for split, one in result["voted"]["finder"].items():
        first = one["precision_at"]
        rows.append(
            (
                split,
                f"{one['faces']:,}",
                f"{one['wrong']:.1%}",
                f"{one['precision']:.1%}",
                f"{one['recall']:.1%}",
                *(f"{first[share]:.1%}" for share in first),
                f"{one['proposals']:.1%}",
            )
        )
    names = next(iter(result["voted"]["finder"].values()))["precision_at"]
    head = ("split", "faces", "wrong", "precision", "recall", *(f"first {n}" for n in names), "")
    planted_rows = []
    for share in dict.fromkeys(one["share"] for one in result["planted"]):
        these = [one for one in result["planted"] if one["share"] == share]
        planted_rows.append(
            (
                f"{share:.0%}",
                *(
                    " / ".join(f"{one[key]:.1%}" for one in these)
                    for key in ("found", "precision", "recall", "proposals")
                ),
            )
        )
    seeds = ", ".join(str(one["seed"]) for one in result["planted"][:SEEDS])
    return [
        "**Against FER+.** Predictions alone, without the votes, are asked which labels are wrong; "
        "the majority of the votes is the reference, faces without one are left out. 'First 5 %': "
        "how many of those that rank first are wrong. The last column: how often the emotion "
        "proposed is the majority's, of those found rightly. The network was trained on Training, "
        "and its card says whether with votes, so the test splits' row is the honest one.",
        markdown((*head[:-1], "proposal right"), rows),
        "**Planted errors.** A share of the demo faces gets a wrong label at random (seeds "
        f"{seeds}, in this order). 'Found': the planted errors among as many faces that rank "
        "first.",
        markdown(("planted", "found", "precision", "recall", "proposal right"), planted_rows),
    ]


def _attainable(summary: dict[str, Any]) -> list[str]:
    ways = {
        "copies": "labels, judged by how often two copies of a picture have the same one; knows "
        "only noise that differs between copies, so it is too high",
        "predictions": "labels in which confident learning finds nothing wrong",
        "annotators": "labels that the majority of FER+ confirms, where there is one; a model that "
        "learns how FER2013's labels were made passes it",
    }
    rows = [(f"{value:.1%}", ways[way]) for way, value in summary["attainable"].items()]
    return [
        "None of the three is a bound in the strict sense; together they say where it lies. A "
        "reader without fault would agree with the labels on about this share of the faces:",
        markdown(("accuracy", "counted as right"), rows),
        "Between the last two lie the models that ship ([results.md](results.md)). A figure far "
        "above the second would mean that a model has learned the noise of the labels, or has "
        "seen the test faces (see below).",
    ]


def _copies(result: dict[str, Any]) -> str:
    exact, every = (result["alone"]["copies"][name] for name in ("exact", "all"))
    across = ", ".join(f"{n} in {pair}" for pair, n in result["across"].items())
    tests = sum(
        sum(of.values()) for split, of in result["alone"]["counts"].items() if split != "Training"
    )
    leaked = every["test_faces_seen_in_training"]
    return (
        f"{exact['groups']:,} pictures occur more than once pixel for pixel ({exact['faces']:,} "
        f"faces); with near copies {every['groups']:,} ({every['faces']:,} faces). Near copies are "
        "proposed by a perceptual hash (pHash, at most "
        f"{duplicates.BITS} of 64 bits apart) and confirmed by the correlation of the pixels (at "
        f"least {duplicates.SIMILAR}). {every['across_splits']:,} pictures are in several "
        f"splits: {across}. So **{leaked:,} of the {tests:,} faces of PublicTest and PrivateTest "
        f"({leaked / tests:.1%}) have a copy in Training**, and every published accuracy on "
        f"FER2013 contains them. {every['labels_differ']:,} pictures have different labels on "
        "their copies."
    )


def _not_faces(result: dict[str, Any]) -> list[str]:
    votes, eye = result["no_face"], result["by_eye"]
    rows = []
    for kind in ("blank", "no_face", "drawn"):
        seen = eye[kind]["seen"]
        inspected = sum(seen.values())
        right = inspected - seen.get("photo", 0)
        if kind == "no_face":
            right -= seen.get("drawn", 0)
        rows.append(
            (
                KINDS[kind].lower(),
                eye[kind]["listed"],
                inspected,
                *(seen.get(what, 0) for what in ("photo", "drawn", "text", "object")),
                f"{right / max(1, inspected):.0%}",
            )
        )
    voted = [
        (name, one["listed"], f"{one['precision']:.0%}", f"{one['recall']:.0%}")
        for name, one in votes.items()
        if isinstance(one, dict)
    ]
    missed = eye["voted"]["seen"]
    some = eye["random"]
    share = some["drawn"] / some["faces"]
    within = 1.96 * np.sqrt(share * (1 - share) / some["faces"])
    return [
        "Found without votes: pictures without contrast; pictures that are unlike all others and "
        "in which a detector finds no face; pictures with flat areas that eigenfaces cannot "
        "compose. All that was listed was then looked at once ([by_eye.csv](measured/by_eye.csv)):",
        markdown(
            (
                "kind",
                "listed",
                "looked at",
                "photos of faces",
                "drawn faces",
                "text or signs",
                "other",
                "precision",
            ),
            rows,
        ),
        "Photos among 'no face' are heads in profile or behind hands, which the detector misses; "
        "those among 'drawn' are faces before a white or black ground.",
        f"Beside the votes, {votes['voted']} faces are 'not a face' to more than half of the "
        "annotators:",
        markdown(("listed as", "faces", "precision", "recall"), voted),
        f"Of the {sum(missed.values())} that are not listed {missed.get('photo', 0)} are photos in "
        "which a face is there, but lies on its side, is small or cut off; annotators call that no "
        f"face as well. {missed.get('drawn', 0)} are drawn, {missed.get('object', 0)} show "
        f"something else and {missed.get('text', 0)} text. With votes at hand the audit lists all "
        "of them.",
        f"Of {some['faces']} faces taken at random {some['drawn']} are drawn ({share:.1%} ± "
        f"{within:.1%}), and {some['found']} of these are listed: the measure finds line drawings "
        "and flat colours; painted, shaded and three-dimensional characters pass for photos.",
    ]
