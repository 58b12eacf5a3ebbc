"""Labels of people: chosen blindly, and imported from one person or several."""

import json

import numpy as np
import pytest
from pympi import Eaf

from fer_core.cli import main
from fer_core.study import agreement, labels
from fer_core.study.adding import add_videos, plan
from fer_core.study.model import StudyError
from fer_core.video.clips import write_clip
from tests.unit.study_tools import CONSENT, add, new_study
from tests.unit.video_tools import portrait


@pytest.fixture
def study(tmp_path):
    study = new_study(tmp_path / "study")
    for number, code in enumerate(("P1", "P2")):
        add(study, code, [("Happy", 4), ("Sad", 4)], group="AB"[number])
    return study


def eaf(path, tiers: dict[str, list[tuple[float, float, str]]]) -> bytes:
    """A file of ELAN with a tier per person."""
    file = Eaf()
    file.remove_tier("default")
    for tier, rows in tiers.items():
        file.add_tier(tier)
        for begin, end, value in rows:
            file.add_annotation(tier, int(begin * 1000), int(end * 1000), value)
    file.to_file(str(path))
    return path.read_bytes()


def test_tiers_of_elan_are_people_whose_agreement_is_counted_once_per_moment(study, tmp_path):
    tiers = {
        "anna": [(0, 3, "happy"), (4, 8, "sad")],
        "ben": [(0.5, 3.5, "Happy"), (4.5, 8, "Fear"), (3.6, 3.9, "comment")],
    }
    table = labels.from_files(study, {"P1_x.eaf": eaf(tmp_path / "P1_x.eaf", tiers)})
    assert table[["recording", "time"]].values.tolist() == [["P1_x", 1.5], ["P1_x", 6.0]]
    found = agreement.summarize(table)
    assert found["raters"] == ["anna", "ben"] and found["between"][0]["n"] == 2
    # They agree in one moment of two; by chance in one of four.
    assert found["between"][0]["kappa"] == pytest.approx(1 / 3)
    # Where they disagree there is no label to compare the product with.
    assert found["product"]["n"] == 1 and found["groups"]["A"]["accuracy"] == 1


def test_files_of_several_people_are_compared_by_the_command(study, tmp_path, capsys):
    for who, second in (("anna", "Sad"), ("ben", "Angry")):
        (tmp_path / f"{who}.tsv").write_text(
            "recording\tonset\tduration\ttrial_type\n"
            f"P1\t0\t4\tHappy\nP2\t4\t4\t{second}\nP2\t1\t0\tHappy\n"
        )
    files = [part for who in ("anna", "ben") for part in ("--labels", str(tmp_path / f"{who}.tsv"))]
    main(["study", "agreement", str(study.path), *files, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["raters"] == ["anna", "ben"] and found["moments"] == 3
    assert found["between"][0]["n"] == 3
    assert found["product"]["n"] == 2 and found["confusion"][3][3] == 2
    assert {name: value["n"] for name, value in found["groups"].items()} == {"A": 1, "B": 1}


def test_a_file_that_does_not_say_whose_labels_it_holds_is_refused(study, tmp_path):
    content = eaf(tmp_path / "a.eaf", {"t": [(0, 2, "happy")]})
    with pytest.raises(StudyError, match=r"call it after its recording, such as P1_x\.eaf"):
        labels.from_files(study, {"notes.eaf": content})
    table = labels.from_files(study, {"P2_x-anna.eaf": content, "p2_x ben.eaf": content})
    assert set(table["recording"]) == {"P2_x"}
    assert [name for name in table if name.startswith("label_")] == ["label_anna", "label_ben"]
    with pytest.raises(StudyError, match="No event is named after an emotion"):
        labels.from_files(study, {"P2_x.csv": b"onset,trial_type\n1,joy\n"})


def test_moments_for_labelling_are_stratified_shuffled_and_say_nothing(study):
    shown = [("Happy", 12), ("Sad", 3), ("Fear", 3)]
    for number, code in enumerate(("P3", "P4")):
        add(study, code, shown, group="AB"[number])
    for one in study.file.recordings[2:]:
        table = study.table(one)
        unsure = table["time"] % 2 < 0.9
        for name in ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"):
            table.loc[unsure, name] = 0.5 * table.loc[unsure, name] + 0.5 / 7
        table.to_parquet(study.table_path(one), index=False)
    study.video = lambda one: study.path  # every recording has a video here
    chosen = agreement.choose(study, 24, seed=3)
    kinds = []
    for one, time in chosen:
        found = agreement.samples(study, one)
        values = found.probabilities[int(np.abs(found.time - time).argmin())]
        kinds.append((int(values.argmax()), study.group_of(one.participant), values.max() < 0.5))
    # Two thirds of the time are happy; of the moments a third.
    assert 6 <= sum(kind[0] == 3 for kind in kinds) <= 12
    assert abs(sum(kind[1] == "A" for kind in kinds) - 12) <= 2
    assert kinds != sorted(kinds) and chosen == agreement.choose(study, 24, seed=3)
    assert chosen != agreement.choose(study, 24, seed=4)


def test_a_set_for_labelling_holds_pictures_and_no_answer(tmp_path):
    study = new_study(tmp_path / "s")
    clip = write_clip(tmp_path / "P1_A_joy.mp4", portrait(30), rate=10)
    list(add_videos(study, plan(study, [clip]), workers=1, **CONSENT))
    items = agreement.create_set(study, "faces", 2)
    folder = study.path / "labels" / "faces"
    assert sorted(path.name for path in folder.iterdir()) == [
        "0001.jpg", "0002.jpg", "items.tsv",
    ]  # fmt: skip
    assert (folder / "items.tsv").read_text().splitlines()[0] == "item\trecording\ttime"
    assert agreement.items(study, "faces") == items
    with pytest.raises(StudyError, match="There is a set of labels called faces"):
        agreement.create_set(study, "faces", 2)
