"""Labels that are probably wrong, by a model's predictions and by annotators' votes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_core.datasets.ferplus import decided, not_faces
from fer_core.emotions import EMOTIONS

_SEVEN = len(EMOTIONS)


@dataclass(frozen=True)
class LabelErrors:
    """What was found, for all ``N`` faces.

    Attributes:
        wrong: ``(N,)``, whether a label is probably wrong.
        score: ``(N,)``, 0 to 1: the higher, the more probably.
        proposal: ``(N,)``, the emotion to take instead, 0 to 6.
        by_model: ``(N,)``, whether the predictions say so.
        by_votes: ``(N,)``, whether the annotators do; ``None`` without votes.
        reasons: a sentence for each face of ``wrong``, in their order.
    """

    wrong: np.ndarray
    score: np.ndarray
    proposal: np.ndarray
    by_model: np.ndarray
    by_votes: np.ndarray | None
    reasons: list[str]


def find(
    labels: np.ndarray, probabilities: np.ndarray, counts: np.ndarray | None = None
) -> LabelErrors:
    """Find label errors by confident learning (Northcutt et al. 2021, arXiv 1911.00068),
    and by votes where there are any.

    Args:
        labels: ``(N,)``, 0 to 6.
        probabilities: ``(N, 7)``, predictions of a classifier that did not learn these
            labels, see :func:`fer_core.audit.network.out_of_fold`.
        counts: ``(N, 10)`` votes, see :func:`fer_core.datasets.ferplus.read_counts`.
    """
    by_model, quality = confident_learning(labels, probabilities)
    score, proposal = 1 - quality, probabilities.argmax(axis=1)
    by_votes = None
    if counts is not None:
        by_votes = outvoted(labels, counts)
        share = counts[:, :_SEVEN] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        against = share.max(axis=1) - share[np.arange(len(labels)), labels]
        score = (score + against) / 2
        proposal = np.where(by_votes, counts[:, :_SEVEN].argmax(axis=1), proposal)
    wrong = by_model if by_votes is None else by_model | by_votes
    # A proposal that is the label itself would propose nothing.
    wrong = wrong & (proposal != labels)
    reasons = [
        _reason(
            int(i), labels, probabilities, by_model[i], counts, by_votes is not None and by_votes[i]
        )
        for i in np.flatnonzero(wrong)
    ]
    return LabelErrors(wrong, score, proposal, by_model, by_votes, reasons)


def confident_learning(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which labels are probably wrong, ``(N,)``, and the quality of each, 0 to 1."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # cleanlab wants labels 0, 1, … without a gap.
    present = np.unique(labels)
    given = np.searchsorted(present, labels)
    known = probabilities[:, present].astype(np.float64)
    known /= np.maximum(known.sum(axis=1, keepdims=True), 1e-12)
    return find_label_issues(given, known, n_jobs=1), get_label_quality_scores(given, known)


def outvoted(labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return ``(N,)``: one emotion alone has the most votes, and it is not the label."""
    return decided(counts) & (counts.argmax(axis=1) != labels)


def compare(errors: LabelErrors, labels: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """Return how good the predictions alone are at finding errors, with FER+ as reference.

    Faces on which the annotators agree on none of the seven say nothing and are left out.

    Returns:
        ``faces`` and ``wrong`` (share that FER+ calls wrong), ``found`` (share called
        wrong here), ``precision``, ``recall``; ``precision_at`` of the 1, 2, 5 and 10 %
        that rank first; ``average_precision``; ``proposals`` right of those found rightly.
    """
    from sklearn.metrics import average_precision_score

    use = decided(counts)
    truth = outvoted(labels, counts)[use]
    found, score = errors.by_model[use], errors.score[use]
    order = np.argsort(-score)
    right = errors.proposal[use] == counts[use].argmax(axis=1)
    hits = found & truth
    return {
        "faces": int(use.sum()),
        "wrong": float(truth.mean()),
        "found": float(found.mean()),
        "precision": float(truth[found].mean()) if found.any() else 0.0,
        "recall": float(found[truth].mean()) if truth.any() else 0.0,
        "precision_at": {
            f"{share} %": float(truth[order[: max(1, len(order) * share // 100)]].mean())
            for share in (1, 2, 5, 10)
        },
        "average_precision": float(average_precision_score(truth, score)) if truth.any() else 0.0,
        "proposals": float(right[hits].mean()) if hits.any() else 0.0,
    }


def _reason(
    i: int,
    labels: np.ndarray,
    probabilities: np.ndarray,
    by_model: bool,
    counts: np.ndarray | None,
    by_votes: bool,
) -> str:
    label, seen = EMOTIONS[labels[i]].lower(), int(probabilities[i].argmax())
    parts = []
    if by_model:
        parts.append(
            f"learned from other faces: {EMOTIONS[seen].lower()} "
            f"{probabilities[i, seen] * 100:.0f} %, "
            f"{label} {probabilities[i, labels[i]] * 100:.0f} %"
        )
    if counts is not None and by_votes:
        top = int(counts[i, :_SEVEN].argmax())
        parts.append(
            f"{counts[i, top]:.0f} of {counts[i].sum():.0f} annotators say "
            f"{EMOTIONS[top].lower()}, {counts[i, labels[i]]:.0f} {label}"
        )
    return "; ".join(parts)


def annotators(labels: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Return how far the annotators of FER+ agree with the labels and among themselves.

    Returns:
        Shares of all faces: ``agree`` (the majority is the label), ``outvoted``,
        ``undecided`` (no single winner among the seven), ``not_faces``; and ``unity``,
        the mean share of votes that the winner has.
    """
    outs = outvoted(labels, counts)
    return {
        "agree": float((decided(counts) & ~outs).mean()),
        "outvoted": float(outs.mean()),
        "undecided": float((~decided(counts)).mean()),
        "not_faces": float(not_faces(counts).mean()),
        "unity": float((counts.max(axis=1) / np.maximum(counts.sum(axis=1), 1)).mean()),
    }
