"""Which model is recommended for what."""

from fer_core.models.card import Card, Speed
from fer_core.models.catalogue import list_models
from fer_core.models.recommend import recommendations


def cards(**changes: tuple[float, float]) -> list[Card]:
    """Cards like that of ``fast``, each with an accuracy and milliseconds per face."""
    fast = next(folder.card for folder in list_models() if folder.name == "fast")
    figure = fast.figure("PublicTest")
    return [
        fast.model_copy(
            update={
                "name": name,
                "figures": [figure.model_copy(update={"accuracy": accuracy})],
                "speed": Speed(ms_per_face=milliseconds, machine="one"),
            }
        )
        for name, (accuracy, milliseconds) in changes.items()
    ]


def test_shipped_models_suit_different_uses() -> None:
    found = recommendations(folder.card for folder in list_models())
    assert found == {"ensemble": "most accurate", "vgg": "balanced", "pk_03": "fastest"}


def test_the_balanced_one_takes_a_third_of_the_time_at_most() -> None:
    some = cards(best=(0.73, 10.0), close=(0.72, 4.0), third=(0.71, 3.0), quick=(0.68, 0.5))
    found = recommendations(some)
    assert found == {"best": "most accurate", "third": "balanced", "quick": "fastest"}


def test_of_equally_fast_ones_the_more_accurate_is_the_fastest() -> None:
    some = cards(best=(0.73, 10.0), middle=(0.72, 3.0), one=(0.69, 1.0), other=(0.70, 1.05))
    assert recommendations(some)["other"] == "fastest"


def test_other_datasets_and_other_machines_are_not_compared() -> None:
    here, there, drawn = cards(here=(0.7, 1.0), there=(0.8, 0.1), drawn=(0.9, 0.1))
    there = there.model_copy(update={"speed": Speed(ms_per_face=0.1, machine="another")})
    figure = drawn.figure("PublicTest").model_copy(update={"dataset": "demo"})
    drawn = drawn.model_copy(update={"figures": [figure]})
    assert recommendations([here, there, drawn]) == {"here": "most accurate"}
    assert recommendations([drawn]) == {}
