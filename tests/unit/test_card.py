"""Model cards: what is typed, what is refused, and those of earlier versions."""

import json
from typing import Any

import pytest

from fer_core.errors import ModelError
from fer_core.models.card import DRAWN, Card, read_card
from fer_core.models.catalogue import find_model, list_models
from fer_core.train.config import TrainConfig


def version_1(**changes: Any) -> bytes:
    """A card as the first version wrote it."""
    counts = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 10}
    emotions = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")
    figures = {
        "accuracy": 0.5, "macro_f1": 0.5, "log_loss": 1.2, "ece": 0.02, "n": 70,
        "confusion_matrix": [[10 if i == j else 0 for j in range(7)] for i in range(7)],
        "per_class": dict.fromkeys(emotions, counts), "dataset": "fer2013.csv.xz",
    }  # fmt: skip
    card = {
        "name": "old", "title": "Old", "architecture": "vgg", "reference": "", "parameters": 3,
        "created": "2026-11-01", "exported": "model.tflite", "files": {"model.tflite": "ab"},
        "sizes": {"model.tflite": 3}, "temperature": 0.97, "tta": "flip", "stored": "int8",
        "members": {}, "licence": "MIT", "starting_weights": "none, trained from scratch",
        "data": "FER2013 (Goodfellow et al. 2013).", "command": "python -m fer_core train",
        "recipe": {"model": "vgg", "data": "fer2013.csv.xz", "epochs": 3,
                   "augmentation": {"rotation": 15.0}},
        "training": {"epochs": 3, "best_epoch": 2, "minutes": 1.5, "backend": "jax",
                     "machine": "2 cores"},
        "notes": "", "hard": {"dark (×0.3)": 0.4},
        "figures": {"PublicTest": figures, "PrivateTest": figures | {"looked": ["2026-11-02"]}},
        "speed": {"ms_per_face": 2.0, "machine": "2 cores"},
    }  # fmt: skip
    return json.dumps(card | changes).encode()


def test_a_card_of_version_1_is_read_through_a_migration() -> None:
    card = read_card(version_1())
    assert card.schema_version == 2 and card.temperatures.as_trained == 0.97
    public, private = card.figure("PublicTest"), card.figure("PrivateTest")
    # It gets the name that its text gives, and no checksum.
    assert (public.dataset, public.checksum) == ("FER2013", None)
    assert public.conditions == {"dark (×0.3)": 0.4} and not private.conditions
    assert private.evaluated_at == ["2026-11-02"] and public.class_prior == "as-trained"
    assert card.recipe.augmentation.rotation == 15 and card.training.best_epoch == 2
    assert card.class_frequencies is None
    assert read_card(json.dumps(card.to_json())) == card
    assert read_card(version_1(data="Faces drawn by the program.")).figures[0].dataset == (
        "fer2013.csv.xz"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": {"ms_per_face": "fast", "machine": ""}},
        {"speed": {"ms_per_face": 0, "machine": ""}},
        {"speed": {"ms_per_face": 2.0}},
        {"recipe": {"model": "vgg"}},
        {"recipe": {"model": "vgg", "data": "x", "surprise": 1}},
        {"training": {"epochs": 3}},
        {"figures": {"PublicTest": {"accuracy": "good"}}},
        {"figures": {"PublicTest": []}},
        {"figures": []},
        {"name": "Not A Name"},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_every_nested_part_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_card(version_1(**wrong))


def test_what_is_no_card_is_damaged_and_what_is_newer_says_so() -> None:
    for text in (b"", b"[]", b"{", b"[" * 100_000, b"{}"):
        with pytest.raises(ValueError):
            read_card(text)
    new = json.dumps(read_card(version_1()).to_json() | {"schema": 3})
    with pytest.raises(ModelError, match="'old' was written by a newer version"):
        read_card(new)


def test_figures_of_one_dataset_never_take_the_place_of_another() -> None:
    card = read_card(version_1())
    again = card.figure("PublicTest").model_copy(update={"accuracy": 0.6})
    other = again.model_copy(update={"dataset": "JAFFE", "checksum": "ab"})
    renewed = card.with_figures(again)
    assert renewed.figure("PublicTest").accuracy == 0.6
    assert len(renewed.figures) == len(card.figures)
    both = renewed.with_figures(other)
    assert len(both.figures) == len(card.figures) + 1
    assert both.figure("PublicTest") == again


def test_shipped_cards_are_written_in_this_version() -> None:
    shipped = [folder for folder in list_models() if folder.ships]
    assert len(shipped) == 8
    for folder in shipped:
        text = (folder.path / "card.json").read_text(encoding="utf-8")
        assert json.loads(text)["schema"] == 2 and Card.model_validate_json(text) == folder.card
        own, second = {(one.dataset, one.checksum) for one in folder.card.figures}
        own, second = (own, second) if own[0] == "FER2013" else (second, own)
        assert own[0] == "FER2013" and own[1] and second[1]
        # The second source reports, whole and over its people; it never chooses.
        reported = [one for one in folder.card.figures if one.dataset == second[0]]
        assert {one.split for one in reported} == {"all"} and len(reported) == 2
        assert all(one.interval.low < one.accuracy < one.interval.high for one in reported)
        assert {one.interval.persons for one in reported} == {53}
        if not folder.card.members:
            assert folder.card.class_frequencies.happy == 7215
    recipe = find_model("vgg").card.recipe
    assert TrainConfig.model_validate(recipe.model_dump()).epochs == 69


def test_a_model_knows_whether_it_learned_from_drawn_faces_alone() -> None:
    def drawn(**changes: Any) -> bool:
        return read_card(version_1(**changes)).drawn

    assert drawn(recipe={"model": "vgg", "data": "demo"})
    assert not drawn(recipe={"model": "vgg", "data": "demo", "mix": {"faces.csv": 1.0}})
    assert not drawn()
    # An ensemble has no recipe, and the data of its members.
    assert drawn(recipe=None, data=DRAWN) and not drawn(recipe=None)
