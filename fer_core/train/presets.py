"""Named recipes per architecture: the report's, and the ones that our figures rest on."""

from typing import Any, Final

from fer_core.errors import TrainingError

#: What the report says, and nothing changed; where it is silent, the paper it follows.
_REPORT: Final[dict[str, dict[str, Any]]] = {
    "mini_xception": {
        "epochs": 1000, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-3,
        "schedule": "plateau", "plateau_patience": 12, "plateau_factor": 0.1,
        "early_stopping": 50,
    },
}  # fmt: skip

_RECOMMENDED: Final[dict[str, dict[str, Any]]] = {
    "mini_xception": {
        "votes_share": 0.5, "epochs": 56, "batch_size": 128, "precision": "mixed_bfloat16",
        "optimizer": "adamw", "learning_rate": 4e-3, "weight_decay": 0.01,
        "schedule": "onecycle", "ema": 0.999, "early_stopping": 0,
        "augmentation": {
            "rotation": 12, "shift": 0.1, "zoom": 0.12, "brightness": 0.15, "contrast": 0.25,
            "blur": 0.1,
        },
    },
}  # fmt: skip

PRESETS: Final = {"report": _REPORT, "recommended": _RECOMMENDED}


def preset(name: str, model: str | None) -> dict[str, Any]:
    """The fields of a training configuration that the recipe ``name`` sets for ``model``.

    Raises:
        TrainingError: no such recipe, or none for this model.
    """
    if name not in PRESETS:
        raise TrainingError(f"Unknown preset '{name}': use one of {', '.join(PRESETS)}.")
    recipes = PRESETS[name]
    if model not in recipes:
        raise TrainingError(
            f"The preset '{name}' is for one of the models {', '.join(sorted(recipes))}: "
            "give one with --model."
        )
    return dict(recipes[model])
