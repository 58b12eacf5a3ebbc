"""Every format of datasets, on a dozen faces that the program drew in its layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.datasets import SPLITS, demo, load, recognise
from fer_core.datasets.labels import LabelOrderError, parse_order
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError

SEVEN = list(range(7))


def face(label: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(demo.draw_face(EMOTIONS[label], 48, seed=seed)).convert("L")


def put(path: Path, label: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    face(label, seed).save(path)
    return path


def found(dataset) -> list[str]:
    return sorted(EMOTIONS[label] for label in dataset.labels)


def nobody_twice(dataset) -> bool:
    of = [{p for p in dataset.split(s).persons if p} for s in dataset.counts()]
    return sum(map(len, of)) == len(set().union(*of))


# -- labels


@pytest.mark.parametrize("split", ["", "train"])
def test_folders_of_numbers_are_never_guessed(tmp_path, split) -> None:
    # AffectNet's folders 0 to 7.
    order = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Angry")
    for number, emotion in enumerate(order):
        put(tmp_path / split / str(number) / "a.png", EMOTIONS.index(emotion), number)
    put(tmp_path / split / "7" / "a.png", 0, 99)
    with pytest.raises(LabelOrderError, match=r"0 \(1×\).*--label-order fer2013\|affectnet") as bad:
        load(tmp_path)
    assert bad.value.found == {str(number): 1 for number in range(8)}
    data = load(tmp_path, label_order="affectnet")
    for image, label in zip(data.faces, data.labels, strict=True):
        number = order.index(EMOTIONS[label])
        assert np.array_equal(image, np.array(face(label, number)))
    assert data.left_out == {"contempt": 1}


def test_orders() -> None:
    assert parse_order("rafdb")[4] == "happy" and parse_order("ckplus")[7] == "surprise"
    assert parse_order("sad, Happiness") == {0: "sad", 1: "happiness"}
    for text in ("sad,bored", "sad", ""):
        with pytest.raises(DatasetError, match="label order"):
            parse_order(text)


def test_names_with_numbers_and_other_classes(tmp_path) -> None:
    for name, label in (("1_surprised", 5), ("2. Fearful", 2), ("Contempt", 0), ("JOY", 3)):
        put(tmp_path / name / "a.png", label)
    put(tmp_path / "joy" / ".ipynb_checkpoints" / "a-checkpoint.png", 3)
    data = load(tmp_path)
    assert found(data) == ["Fear", "Happy", "Surprise"] and data.left_out == {"contempt": 1}


# -- the field's formats


def make_ckplus(root: Path) -> None:
    codes = {1: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5}
    for person in ("S005", "S010", "S011", "S022"):
        for number, code in enumerate((*codes, 2), start=1):
            name = f"{person}/{number:03d}"
            for frame in range(1, 6):
                label = codes.get(code, 0) if frame > 3 else 6
                file = f"{name}/{person}_{number:03d}_{frame:08d}.png"
                put(root / "cohn-kanade-images" / file, label, number)
            text = root / "Emotion" / name / f"{person}_{number:03d}_00000005_emotion.txt"
            text.parent.mkdir(parents=True)
            text.write_text(f"   {code:.7e}\n")
        # Most sequences have no label.
        for frame in range(1, 6):
            put(root / f"cohn-kanade-images/{person}/099/{person}_099_{frame:08d}.png", 0)
        (root / "Emotion" / person / "099").mkdir()


def test_ckplus_as_published(tmp_path) -> None:
    make_ckplus(tmp_path)
    assert recognise(tmp_path).name == "ckplus"
    data = load(tmp_path, frames=2)
    counts = {e: found(data).count(e) for e in EMOTIONS}
    # Four people, two frames per sequence; the first frame of seven sequences each is neutral.
    assert counts == dict.fromkeys(EMOTIONS[:6], 8) | {"Neutral": 28}
    assert data.left_out == {"contempt": 4}
    assert set(data.persons) == {"S005", "S010", "S011", "S022"} and nobody_twice(data)
    assert len(load(tmp_path, frames=1)) == 4 * 6 + 28
    for image, label in zip(data.faces[1:3], data.labels[1:3], strict=True):
        assert np.array_equal(image, np.array(face(label, 1)))


def test_ckplus_48_folders_know_the_people(tmp_path) -> None:
    for number in range(12):
        name = f"S{number // 3:03d}_00{number % 3}_{number:08d}.png"
        put(tmp_path / ("anger", "happy", "sadness")[number % 3] / name, (0, 3, 4)[number % 3])
    data = load(tmp_path)
    assert len(set(data.persons)) == 4 and nobody_twice(data) and list(data.counts()) == [*SPLITS]


def test_jaffe(tmp_path) -> None:
    codes = {"AN": 0, "DI": 1, "FE": 2, "HA": 3, "SA": 4, "SU": 5, "NE": 6}
    for person in ("KA", "KL", "YM", "TM"):
        for code, label in codes.items():
            put(tmp_path / f"{person}.{code}1.{39 + label}.tiff", label)
    (tmp_path / "README").write_text("JAFFE")
    assert recognise(tmp_path).name == "jaffe"
    data = load(tmp_path)
    assert found(data) == sorted(EMOTIONS * 4) and nobody_twice(data)
    assert set(data.persons) == {"KA", "KL", "YM", "TM"}


def test_kdef_sessions_show_the_same_people(tmp_path) -> None:
    codes = {"AN": 0, "DI": 1, "AF": 2, "HA": 3, "SA": 4, "SU": 5, "NE": 6}
    for session in "AB":
        for person in ("F01", "F02", "M01"):
            for code, label in codes.items():
                folder = f"{session}{person}"
                put(tmp_path / folder / f"{folder}{code}S.JPG", label)
            put(tmp_path / folder / f"{folder}HAFL.JPG", 3)
    assert recognise(tmp_path).name == "kdef"
    data = load(tmp_path)
    assert found(data) == sorted(EMOTIONS * 6) and data.left_out == {"full profile": 6}
    assert set(data.persons) == {"F01", "F02", "M01"} and nobody_twice(data)


def test_rafdb(tmp_path) -> None:
    order = (5, 2, 1, 3, 4, 0, 6)
    lines = []
    for number, label in enumerate(order, start=1):
        put(tmp_path / "aligned" / f"train_{number:05d}_aligned.jpg", label)
        # The photos that the faces were cut from lie beside them.
        put(tmp_path / "original" / f"train_{number:05d}.jpg", 6)
        lines += [f"train_{number:05d}.jpg {number}"]
        for copy in range(2):
            name = f"test_{number + 100 * copy:04d}"
            put(tmp_path / "aligned" / f"{name}_aligned.jpg", label)
            lines += [f"{name}.jpg {number}"]
    (tmp_path / "list_patition_label.txt").write_text("\n".join(lines))
    data = load(tmp_path)
    assert data.format.startswith("RAF-DB") and found(data) == sorted(EMOTIONS * 3)
    assert {split: len(data.split(split)) for split in SPLITS} == dict.fromkeys(SPLITS, 7)
    with (tmp_path / "list_patition_label.txt").open("a") as file:
        file.write("\ntrain_99999.jpg 3\ntrain_00001.jpg 9\n")
    with pytest.raises(DatasetError) as bad:
        load(tmp_path)
    assert len(bad.value.problems) == 2 and len(load(tmp_path, skip_bad=True)) == 21


def test_affectnet_arrays_and_lists(tmp_path) -> None:
    order = (6, 3, 4, 5, 2, 1, 0)
    for part in ("train_set", "val_set"):
        for number, label in enumerate(order):
            put(tmp_path / "a" / part / "images" / f"{number}.jpg", label)
            annotations = tmp_path / "a" / part / "annotations"
            annotations.mkdir(exist_ok=True)
            np.save(annotations / f"{number}_exp.npy", np.array(str(number)))
            np.save(annotations / f"{number}_val.npy", np.array("0.1"))
        put(tmp_path / "a" / part / "images" / "7.jpg", 0)
        np.save(annotations / "7_exp.npy", np.array("7"))
    data = load(tmp_path / "a")
    assert found(data) == sorted(EMOTIONS * 2) and data.left_out == {"contempt": 2}
    assert len(data.split("Training")) == 7

    rows = ["subDirectory_filePath,face_x,expression,valence"]
    for number, label in enumerate((*order, 0)):
        put(tmp_path / "b" / "12" / f"{number}.jpg", label)
        rows.append(f"12/{number}.jpg,0,{number},0.1")
    (tmp_path / "b" / "training.csv").write_text("\n".join(rows))
    data = load(tmp_path / "b")
    assert found(data) == sorted(EMOTIONS) and data.left_out == {"contempt": 1}
    assert set(data.usage) == {"Training"}


def test_expw_cuts_the_boxes_out(tmp_path) -> None:
    photo = Image.new("RGB", (200, 100))
    photo.paste(face(3), (10, 20))
    photo.paste(face(6), (100, 40))
    (tmp_path / "image").mkdir()
    photo.save(tmp_path / "image" / "a.png")
    (tmp_path / "label.lst").write_text("a.png 0 20 10 58 68 0.9 3\na.png 1 40 100 148 88 0.9 6\n")
    data = load(tmp_path)
    assert [EMOTIONS[label] for label in data.labels] == ["Happy", "Neutral"]
    assert np.array_equal(data.faces[0], np.array(face(3)))
    assert data.faces[1].shape == (48, 48)


def test_sfew_folders(tmp_path) -> None:
    for split in ("Train", "Val", "Test"):
        for label in SEVEN:
            put(tmp_path / split / EMOTIONS[label] / "Movie_001.png", label)
    data = load(tmp_path)
    assert {split: len(data.split(split)) for split in SPLITS} == dict.fromkeys(SPLITS, 7)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_list_of_pictures(tmp_path, delimiter) -> None:
    rows = [delimiter.join(("Path", "Label", "Person", "Split"))]
    for label in SEVEN:
        for person, split in (("ada", "train"), ("bob", "val"), ("cy", "test")):
            put(tmp_path / "pictures" / f"{label}{person}.png", label)
            rows.append(
                delimiter.join((f"pictures/{label}{person}.png", EMOTIONS[label], person, split))
            )
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for source in (tmp_path, tmp_path / "labels.csv"):
        data = load(source)
        assert found(data) == sorted(EMOTIONS * 3)
        assert set(data.split("PublicTest").persons) == {"bob"}
    (tmp_path / "labels.csv").write_text("\n".join([*rows, rows[1].replace("train", "test")]))
    with pytest.raises(DatasetError, match="1 people, such as ada, are in more than one"):
        load(tmp_path)


def test_a_list_reaches_no_file_outside_of_its_folder(tmp_path) -> None:
    secret = put(tmp_path / "secret.png", 0)
    (tmp_path / "data").mkdir()
    rows = ["path,label", f"{secret},happy", "../secret.png,happy"]
    (tmp_path / "data" / "labels.csv").write_text("\n".join(rows))
    with pytest.raises(DatasetError) as bad:
        load(tmp_path / "data")
    assert len(bad.value.problems) == 2
