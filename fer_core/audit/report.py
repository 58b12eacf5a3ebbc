"""An audit in words: for the command line, and as docs/dataset-audit.md."""

from typing import Any

from fer_core.audit import KINDS

#: What the attainable accuracy is estimated from.
WAYS = {
    "annotators": "labels that the majority of FER+ confirms, of faces where it is clear",
    "predictions": "labels in which confident learning finds nothing wrong",
    "copies": "labels, judged by how often two copies of a picture have the same one",
}


def in_words(summary: dict[str, Any]) -> str:
    """Return a summary of :func:`fer_core.audit.audit` as lines of text."""
    lines = ["Faces with a problem:"]
    lines += [
        f"  {KINDS[kind]:<26}{number:>7}  {number / max(1, summary['faces']):>6.1%}"
        for kind, number in summary["kinds"].items()
    ]
    found = summary["labels"]
    if "error" in found:
        lines.append(found["error"])
    else:
        lines.append(
            f"Label errors by features of {found['model']} and by gradients of the pixels; what "
            f"they learned over folds is right on {found['out_of_fold']:.1%}."
        )
    copies = summary["copies"]["all"]
    lines.append(
        f"{copies['groups']} pictures occur more than once; {copies['across_splits']} of them in "
        f"several splits, {copies['labels_differ']} with several labels. "
        f"{copies['test_faces_seen_in_training']} faces of PublicTest and PrivateTest have a "
        "copy in Training."
    )
    for split, one in summary.get("finder", {}).items():
        lines.append(
            f"Against FER+ on {split}: precision {one['precision']:.1%}, recall "
            f"{one['recall']:.1%} ({one['wrong']:.1%} are wrong); of the first 5 % "
            f"{one['precision_at']['5 %']:.1%} are wrong."
        )
    lines += [
        f"Attainable {value:.1%}: {WAYS[way]}." for way, value in summary["attainable"].items()
    ]
    return "\n".join(lines)
