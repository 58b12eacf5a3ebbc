"""What is wrong with a dataset: labels, copies, pictures that are no faces.

>>> from fer_core.audit import audit
>>> from fer_core.datasets import load
>>> found = audit(load("demo"))  # doctest: +SKIP
>>> found.problems.groupby("kind").size()  # doctest: +SKIP
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.audit import labels, not_faces
from fer_core.audit.network import explainable, features, gradients, out_of_fold
from fer_core.datasets import duplicates
from fer_core.datasets.base import SPLITS, Dataset
from fer_core.datasets.corrections import COLUMNS, Change, Overlay
from fer_core.datasets.ferplus import decided
from fer_core.datasets.ferplus import not_faces as voted_no_face
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError

#: Kinds of problems, and what they are called.
KINDS: Final = {
    "label": "Label probably wrong",
    "exact": "The same picture again",
    "near": "Nearly the same picture",
    "blank": "Nothing to see",
    "no_face": "No face found",
    "drawn": "Drawn or written",
}
#: In the place of an emotion, among proposals.
EXCLUDE: Final = "exclude"
#: What an audit tells of while it runs, in this order.
STEPS: Final = (
    "Looking at every face",
    "Looking for label errors",
    "Comparing faces with each other",
    "Looking for what is no face",
)


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        problems: a row per problem, the worst of each kind first: ``row`` (position in
            the dataset), ``face`` (its key), ``kind`` (of :data:`KINDS`), ``score`` (0 to
            1), ``split``, ``label``, ``proposal`` (an emotion, :data:`EXCLUDE` or empty),
            ``group`` (of copies, else -1), ``across`` (copies in several splits) and
            ``reason``.
        summary: numbers as plain JSON values, see :func:`audit`.
    """

    problems: pd.DataFrame
    summary: dict[str, Any]

    def proposals(
        self, kinds: tuple[str, ...] = tuple(KINDS), split: str = "all", least: float = 0.0
    ) -> list[Change]:
        """Return corrections that would follow the proposals; nothing is kept by this.

        A face with several problems is excluded where one of them asks for that.

        Args:
            kinds: of problems.
            split: one of :data:`SPLITS` or ``all``.
            least: score that a label error must have.
        """
        table = self.problems
        table = table[(table["kind"] != "label") | (table["score"] >= least)]
        table = table[table["kind"].isin(kinds) & (table["proposal"] != "")]
        if split != "all":
            table = table[table["split"] == split]
        out = table.sort_values("proposal", key=lambda p: p != EXCLUDE, kind="stable")
        out = out.drop_duplicates("face").sort_values("row")
        return [
            Change(face, "exclude") if proposal == EXCLUDE else Change(face, "label", proposal)
            for face, proposal in zip(out["face"], out["proposal"], strict=True)
        ]

    def to_overlay(self, **which: Any) -> Overlay:
        """Return the :meth:`proposals` as corrections that can be written and applied."""
        rows = [
            (*change, "audit", "", "proposed by the audit") for change in self.proposals(**which)
        ]
        return Overlay.of(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))


def audit(
    dataset: Dataset,
    *,
    model: str | None = None,
    counts: np.ndarray | None = None,
    folds: int = 5,
    seed: int = 0,
    on_progress: Callable[[str, float], None] | None = None,
) -> Audit:
    """Look for all that is wrong with a dataset.

    Args:
        dataset: the whole of it, as it was read.
        model: whose features are used; without, the default model's.
        counts: ``(N, 10)`` votes of FER+, see :func:`fer_core.datasets.ferplus.counts_of`.
        folds: see :func:`fer_core.audit.network.out_of_fold`.
        seed: likewise.
        on_progress: told what is being done and which share of it is done.

    Returns:
        An :class:`Audit`, whose summary has ``faces``, ``kinds`` (how many faces of each),
        ``labels`` (``model``, ``out_of_fold`` accuracy, shares found wrong) and ``copies``.
        ``attainable`` says what follows for the accuracy of a perfect reader, see
        :func:`attainable`. With votes there are also ``annotators`` and ``finder``: its
        precision and recall with FER+ as reference, on the split that trained the features
        and on the others. Where label errors cannot be looked for, ``labels`` says why.
    """

    def tell(what: str) -> Callable[[float], None]:
        return lambda share: on_progress(what, share) if on_progress else None

    keys = face_keys(dataset.faces)
    parts = []
    summary: dict[str, Any] = {"faces": len(dataset), "counts": dataset.counts()}

    try:
        folder = explainable(model)
        seen = features(dataset.faces, folder, tell(STEPS[0]))
        tell(STEPS[1])(0.0)
        views = (seen, gradients(dataset.faces))
        probabilities = out_of_fold(views, dataset.labels, folds, seed)
        alone = labels.find(dataset.labels, probabilities)
        errors = labels.find(dataset.labels, probabilities, counts) if counts is not None else alone
        summary["labels"] = {
            "model": folder.name,
            "out_of_fold": float((probabilities.argmax(axis=1) == dataset.labels).mean()),
            "wrong": float(errors.wrong.mean()),
            "wrong_by_model": float(alone.by_model.mean()),
        }
        parts.append(_label_problems(dataset, errors))
        if counts is not None:
            summary["finder"] = _finder(dataset, alone, counts)
    except DatasetError as error:
        alone = None
        summary["labels"] = {"error": str(error)}
    if counts is not None:
        summary["annotators"] = labels.annotators(dataset.labels, counts)

    codes = duplicates.hashes(dataset.faces, tell(STEPS[2]))
    same = duplicates.exact(keys)
    group = duplicates.near(dataset.faces, codes)
    copies = _copy_problems(dataset, same, group)
    parts.append(copies)
    summary["copies"] = _copies(dataset, same, group)

    strange = not_faces.measure(dataset.faces, tell(STEPS[3]))
    parts.append(_strange_problems(dataset, strange, counts))
    summary["attainable"] = attainable(dataset, alone, group, counts)

    # Of an empty part pandas cannot know the types.
    types = {"row": "int64", "score": float, "group": "int64", "across": bool}
    problems = pd.concat(parts, ignore_index=True).astype(types)
    problems.insert(1, "face", keys[problems["row"]])
    problems.insert(4, "split", dataset.usage[problems["row"]])
    problems.insert(5, "label", np.array(EMOTIONS)[dataset.labels[problems["row"]]])
    order = problems["kind"].map(list(KINDS).index)
    problems = problems.assign(order=order).sort_values(
        ["order", "score"], ascending=[True, False], kind="stable"
    )
    summary["kinds"] = {kind: int((problems["kind"] == kind).sum()) for kind in KINDS}
    return Audit(problems.drop(columns="order").reset_index(drop=True), summary)


def attainable(
    dataset: Dataset,
    errors: labels.LabelErrors | None,
    group: np.ndarray,
    counts: np.ndarray | None = None,
) -> dict[str, float]:
    """Return the accuracy that a reader without fault could have on these labels, three ways.

    None is a bound in the strict sense. ``copies`` knows only noise that differs between
    two copies of a picture, so it is too high; ``predictions`` counts as noise whatever
    confident learning finds; ``annotators`` is the share of labels that the majority of
    FER+ confirms, and a model that learns how the labels were made passes it.

    Args:
        dataset: the faces.
        errors: found by predictions alone, ``None`` without.
        group: of near copies, see :func:`fer_core.datasets.duplicates.near`.
        counts: votes of FER+.

    Returns:
        Accuracies by way, those that can be had here.
    """
    result = {}
    members = pd.Series(dataset.labels[group >= 0]).groupby(group[group >= 0])
    if members.ngroups:
        # If both labels are right with chance a, and wrong ones fall anywhere, two agree
        # with chance a² + (1 - a)² / 6.
        agree = float((members.nunique() == 1).mean())
        wrong = len(EMOTIONS) - 1
        roots = np.roots([1 + 1 / wrong, -2 / wrong, 1 / wrong - agree])
        result["copies"] = float(np.clip(np.max(roots.real), 0, 1))
    if errors is not None:
        result["predictions"] = 1 - float(errors.by_model.mean())
    if counts is not None and (clear := decided(counts)).any():
        result["annotators"] = 1 - float(labels.outvoted(dataset.labels, counts)[clear].mean())
    return result


def _table(rows: np.ndarray, kind: str, score: Any, proposal: Any, reason: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": rows,
            "kind": kind,
            "score": np.round(score, 4),
            "proposal": proposal,
            "group": -1,
            "across": False,
            "reason": reason,
        }
    )


def _label_problems(dataset: Dataset, errors: labels.LabelErrors) -> pd.DataFrame:
    rows = np.flatnonzero(errors.wrong)
    proposal = np.array(EMOTIONS)[errors.proposal[rows]]
    return _table(rows, "label", errors.score[rows], proposal, errors.reasons)


def _finder(
    dataset: Dataset, errors: labels.LabelErrors, counts: np.ndarray
) -> dict[str, dict[str, Any]]:
    training = dataset.usage == "Training"
    result = {}
    for name, part in (("Training", training), ("PublicTest and PrivateTest", ~training)):
        if part.any():
            some = labels.LabelErrors(
                errors.wrong[part],
                errors.score[part],
                errors.proposal[part],
                errors.by_model[part],
                None,
                [],
            )
            result[name] = labels.compare(some, dataset.labels[part], counts[part])
    return result


def _copy_problems(dataset: Dataset, same: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    rows = np.flatnonzero(group >= 0)
    order = rows[np.argsort(group[rows], kind="stable")]
    parts = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if not len(members):
            continue
        across = len(set(dataset.usage[members])) > 1
        differ = len(set(dataset.labels[members])) > 1
        rank = np.array([SPLITS.index(u) for u in dataset.usage[members]])
        for place, row in enumerate(members):
            others = members[members != row]
            # A copy in a later split is a leak; of copies in one split the first stays.
            leaks = (rank > rank[place]).any()
            again = (rank[:place] == rank[place]).any()
            kind = "exact" if same[row] >= 0 else "near"
            shown = ", ".join(
                f"{o} ({dataset.usage[o]}, {EMOTIONS[dataset.labels[o]].lower()})"
                for o in others[:3]
            )
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            parts.append(
                {
                    "row": row,
                    "kind": kind,
                    "score": 0.3 + 0.4 * across + 0.3 * differ,
                    "proposal": EXCLUDE if rank[place] < 2 and (leaks or again) else "",
                    "group": int(group[row]),
                    "across": across,
                    "reason": f"as row {shown}{more}",
                }
            )
    return pd.DataFrame(parts, columns=list(_table(np.empty(0, int), "", [], [], [])))


def _copies(dataset: Dataset, same: np.ndarray, group: np.ndarray) -> dict[str, dict[str, int]]:
    result = {}
    for name, groups in (("exact", same), ("all", group)):
        inside = groups >= 0
        table = pd.DataFrame(
            {"usage": dataset.usage[inside], "label": dataset.labels[inside]}
        ).groupby(groups[inside])
        kinds = table.nunique()
        result[name] = {
            "faces": int(inside.sum()),
            "groups": len(kinds),
            "across_splits": int((kinds["usage"] > 1).sum()) if len(kinds) else 0,
            "labels_differ": int((kinds["label"] > 1).sum()) if len(kinds) else 0,
        }
    leaked = duplicates.leaked(group, dataset.usage == "Training")
    result["all"]["test_faces_seen_in_training"] = int(leaked.sum())
    return result


def _strange_problems(
    dataset: Dataset, strange: not_faces.Strange, counts: np.ndarray | None
) -> pd.DataFrame:
    blank = strange.blank
    voted = np.zeros(len(dataset), bool) if counts is None else voted_no_face(counts)
    faceless = (strange.faceless | voted) & ~blank
    drawn = (strange.drawn >= not_faces.DRAWN) & ~blank & ~faceless
    rows = np.flatnonzero(faceless)
    reasons = []
    for row in rows:
        parts = ["the detector finds no face"] if strange.faceless[row] else []
        if counts is not None and voted[row]:
            parts.append(f"{counts[row, -1]:.0f} of {counts[row].sum():.0f} annotators: no face")
        reasons.append("; ".join(parts))
    score = np.where(voted[rows], 1.0, 0.6) - 0.1 * ~strange.faceless[rows]
    return pd.concat(
        [
            _table(np.flatnonzero(blank), "blank", 1.0, EXCLUDE, "hardly any contrast"),
            _table(rows, "no_face", score, EXCLUDE, reasons),
            _table(
                np.flatnonzero(drawn),
                "drawn",
                np.clip(strange.drawn[drawn], 0, 1),
                "",
                "flat areas and hard lines",
            ),
        ],
        ignore_index=True,
    )
