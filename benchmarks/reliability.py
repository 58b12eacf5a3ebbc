"""Fit and measure the signs of an unreliable answer, see :mod:`fer_core.reliability`."""

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fer_core import reliability
from fer_core.classifier import load_classifier
from fer_core.datasets import load
from fer_core.emotions import UNSURE_BELOW
from fer_core.preprocess import CROP_SIZE, crop_zooms

#: Parts of a 48×48 face that are covered.
COVERED: Final = {
    "as it is": None,
    "lower half": np.s_[24:, :],
    "upper half": np.s_[:24, :],
    "left half": np.s_[:, :24],
    "right half": np.s_[:, 24:],
}
MODELS: Final = ("vgg", "fast")
FACES: Final = 1500
FOLDS: Final = 5
#: Share of the right answers on whole faces that may become unsure; a little below the 5 %
#: that are allowed, since it is chosen on the same faces.
_ALLOWED: Final = 0.045


def cover(face: np.ndarray, part: Any, number: int) -> np.ndarray:
    """Return a face with a part hidden by black, white, grey or the face's own middle grey.

    Args:
        face: ``(48, 48)`` ``uint8``.
        part: Which pixels; ``None`` for none.
        number: Decides the grey.
    """
    if part is None:
        return face
    covered = face.copy()
    covered[part] = (0, 255, 128, int(np.median(face[14:30, 12:36])))[number % 4]
    return covered


def answers(faces: np.ndarray, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a model says of faces, and the features of each answer.

    Args:
        faces: ``(N, 48, 48)`` ``uint8``.
        model: Its name.

    Returns:
        Probabilities ``(N, 7)`` and features ``(N, F)``.
    """
    classifier = load_classifier(model)
    probabilities, found = [], []
    for face in faces:
        enlarged = cv2.resize(face, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
        crops = crop_zooms(np.dstack([enlarged] * 3), (0, 0, CROP_SIZE))
        said = classifier.predict(crops)
        probabilities.append(said.mean(axis=0))
        found.append(reliability.features(said[None], reliability.flat_shares(crops[0])[None])[0])
    return np.array(probabilities), np.array(found)


def run_reliability(data: str, number: int = FACES, seed: int = 0) -> dict[str, Any]:
    """Fit the regression on PublicTest, and measure it on faces that it was not fitted on.

    Args:
        data: Path of FER2013.
        number: Faces to use, of each condition.
        seed: Chooses them, and the folds.

    Returns:
        ``fitted`` (``weights``, ``intercept``, ``threshold``) and ``models`` → condition →
        figures: accuracy, AUROC for right against wrong answers of the confidence and of the
        reliability (cross-validated), and shares of right and wrong answers that become unsure
        by the reliability alone.
    """
    test = load(data).split("PublicTest")
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(test))[:number])
    fold = rng.integers(0, FOLDS, len(chosen))
    labels = test.labels[chosen]
    cases: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for model in MODELS:
        for name, part in COVERED.items():
            faces = [cover(face, part, i) for i, face in enumerate(test.faces[chosen])]
            probabilities, found = answers(np.array(faces), model)
            cases[model, name] = {
                "features": found,
                "right": probabilities.argmax(axis=1) == labels,
                "confidence": probabilities.max(axis=1),
                "reliability": np.empty(len(chosen)),
            }
            print(f"{model}, {name}: {cases[model, name]['right'].mean():.1%}", flush=True)
    for held_out in range(FOLDS):
        weights, intercept = _fit(cases, fold != held_out)
        for case in cases.values():
            rows = fold == held_out
            case["reliability"][rows] = reliability.score(
                case["features"][rows], weights, intercept
            )
    threshold = min(_threshold(cases[model, "as it is"]) for model in MODELS)
    weights, intercept = _fit(cases, np.ones(len(chosen), bool))
    return {
        "faces": len(chosen),
        "seed": seed,
        "fitted": {
            "weights": [round(float(w), 4) for w in weights],
            "intercept": round(float(intercept), 4),
            "threshold": round(float(threshold), 4),
        },
        "models": {
            model: {name: _figures(cases[model, name], threshold) for name in COVERED}
            for model in MODELS
        },
    }


def _fit(cases: dict[Any, dict[str, np.ndarray]], rows: np.ndarray) -> tuple[np.ndarray, float]:
    x = np.concatenate([case["features"][rows] for case in cases.values()])
    right = np.concatenate([case["right"][rows] for case in cases.values()])
    # Whole faces are what people have most.
    share = [4.0 if name == "as it is" else 1.0 for _, name in cases]
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    fitted = LogisticRegression(max_iter=5000).fit(
        (x - mean) / spread, right, sample_weight=np.repeat(share, rows.sum())
    )
    weights = fitted.coef_[0] / spread
    return weights, float(fitted.intercept_[0] - weights @ mean)


def _threshold(case: dict[str, np.ndarray]) -> float:
    """Return the reliability below which the allowed share of right answers lies that seem sure."""
    right, sure = case["right"], case["confidence"] >= UNSURE_BELOW
    return float(np.sort(case["reliability"][right & sure])[int(_ALLOWED * right.sum())])


def _figures(case: dict[str, np.ndarray], threshold: float) -> dict[str, float]:
    right, confidence, score = case["right"], case["confidence"], case["reliability"]
    unreliable = reliability.below_threshold(case["features"], score, threshold)
    alone = (confidence >= UNSURE_BELOW) & unreliable
    return {
        "accuracy": float(right.mean()),
        "auroc_confidence": float(roc_auc_score(right, confidence)),
        "auroc_reliability": float(roc_auc_score(right, score)),
        "right_made_unsure": float((alone & right).sum() / right.sum()),
        "wrong_made_unsure": float((alone & ~right).sum() / (~right).sum()),
    }


def save_fitted(result: dict[str, Any]) -> None:
    """Write the fitted weights where the program reads them."""
    path = Path(reliability.__file__).with_suffix(".json")
    about = "Written by 'python -m benchmarks reliability --save'."
    text = json.dumps({"about": about} | result["fitted"], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def to_markdown(result: dict[str, Any]) -> str:
    """Return the figures as tables in Markdown."""
    lines = []
    for model, conditions in result["models"].items():
        lines += [
            f"| `{model}`, covered | accuracy | AUROC of confidence | AUROC of reliability | "
            "right made unsure | wrong made unsure |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {f['accuracy']:.1%} | {f['auroc_confidence']:.3f} | "
            f"{f['auroc_reliability']:.3f} | {f['right_made_unsure']:.1%} | "
            f"{f['wrong_made_unsure']:.1%} |"
            for name, f in conditions.items()
        ]
        lines.append("")
    return "\n".join(lines)
