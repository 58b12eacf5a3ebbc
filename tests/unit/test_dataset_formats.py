"""Every format of datasets, on a dozen faces that the program drew in its layout."""

import csv
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.datasets import SPLITS, demo, ferplus, load, recognise
from fer_core.datasets.fer2013 import export_csv
from fer_core.datasets.labels import LabelOrderError, parse_order
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError, TrainingError
from fer_core.evaluation.sources import interval
from fer_core.settings import settings
from fer_core.train import configure, load_data
from fer_core.train.command import command
from tests.command_line import fer_core as run

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


# -- CSV of pixels


ROWS = [
    (label, " ".join(map(str, np.array(face(label, i)).ravel())), SPLITS[i % 3])
    for i, label in enumerate(SEVEN * 3)
]


def write(path: Path, rows: list, header: str = "", delimiter: str = ",") -> Path:
    lines = [header] if header else []
    lines += [delimiter.join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_csv_variants_mean_the_same(tmp_path) -> None:
    usual = load(write(tmp_path / "usual.csv", ROWS, "emotion,pixels,Usage"))
    short = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
    variants = {
        "case": (ROWS, " EMOTION, Pixels ,usage", ","),
        "semicolon": (ROWS, "emotion;pixels;Usage", ";"),
        "tab": (ROWS, "emotion\tpixels\tUsage", "\t"),
        "floats": ([(f"{a}.0", b, c) for a, b, c in ROWS], "emotion,pixels,Usage", ","),
        "names": ([(EMOTIONS[a], b, c) for a, b, c in ROWS], "label,pixels,Usage", ","),
        "splits": ([(a, b, short[c]) for a, b, c in ROWS], "emotion,pixels,split", ","),
        "index": ([(i, *row) for i, row in enumerate(ROWS)], ",emotion,pixels,Usage", ","),
        "bare": (ROWS, "", ","),
        "quoted": ([(a, f'"{b}"', c) for a, b, c in ROWS], '"emotion","pixels","Usage"', ","),
    }
    for name, (rows, header, delimiter) in variants.items():
        data = load(write(tmp_path / f"{name}.csv", rows, header, delimiter))
        for field in ("faces", "labels", "usage"):
            assert np.array_equal(getattr(data, field), getattr(usual, field)), (name, field)


def test_ambiguous_csv_is_refused_with_the_remedy(tmp_path) -> None:
    rows = [(i, *row) for i, row in enumerate(ROWS)]
    with pytest.raises(DatasetError, match="write emotion,pixels,Usage into its first line"):
        load(write(tmp_path / "a.csv", rows))
    rows = [(7, *ROWS[0][1:]), *ROWS]
    with pytest.raises(DatasetError, match="emotion is '7', not 0 to 6"):
        load(write(tmp_path / "b.csv", rows, "emotion,pixels,Usage"))
    data = load(tmp_path / "b.csv", label_order="affectnet")
    assert data.left_out == {"contempt": 1} and data.labels[0] == EMOTIONS.index("Neutral")


def test_kaggles_train_and_unlabelled_test(tmp_path) -> None:
    train = load(write(tmp_path / "train.csv", [row[:2] for row in ROWS], "emotion,pixels"))
    assert len(train) == 21
    test = write(tmp_path / "test.csv", [row[1:2] for row in ROWS], "pixels")
    with pytest.raises(DatasetError, match="can be predicted .*trained or measured"):
        load(test)
    assert np.array_equal(load(test, unlabelled=True).faces, train.faces)


# -- archives


@pytest.mark.parametrize("name", ["faces.zip", "faces", "faces.tar.gz", "faces.tar"])
def test_archives_of_folders(tmp_path, name) -> None:
    for label in SEVEN:
        put(tmp_path / "made" / "train" / EMOTIONS[label].lower() / "a.png", label)
        put(tmp_path / "made" / "train" / EMOTIONS[label].lower() / ".hidden" / "a.png", label)
    made = tmp_path / name
    if "tar" in name:
        with tarfile.open(made, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(tmp_path / "made", "made")
    else:
        with zipfile.ZipFile(made, "w") as archive:
            for file in sorted((tmp_path / "made").rglob("*.png")):
                archive.write(file, file.relative_to(tmp_path))
    data = load(made)
    assert found(data) == sorted(EMOTIONS) and set(data.usage) == {"Training"}
    assert data.format == "a folder of pictures"
    assert not list(settings().cache.glob("unpacked-*"))


def test_numbers_in_an_archive_are_shown_by_their_faces(tmp_path) -> None:
    for number in range(3):
        put(tmp_path / "faces" / str(number) / "a.png", number)
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for path in sorted((tmp_path / "faces").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "faces"))
    with pytest.raises(LabelOrderError, match=r"^faces.zip: its labels are numbers") as bad:
        load(tmp_path / "faces.zip")
    # What was unpacked is gone; the pictures are not.
    assert sorted(bad.value.samples) == ["0", "1", "2"]
    for number, (picture,) in bad.value.samples.items():
        assert np.array_equal(picture[..., 0], np.array(face(int(number))))
    assert len(load(tmp_path / "faces.zip", label_order="fer2013")) == 3


def test_an_archive_writes_nowhere_else(tmp_path) -> None:
    put(tmp_path / "a.png", 3)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "../../../happy/a.png")
        archive.write(tmp_path / "a.png", "happy/b.png")
    before = sorted(settings().home.rglob("a.png"))
    load(tmp_path / "bad.zip")
    assert sorted(settings().home.rglob("a.png")) == before


# -- FER+


@pytest.mark.slow
def test_votes_that_do_not_fit_the_faces_are_refused(tmp_path) -> None:
    data = load("demo")
    path = tmp_path / "faces.csv"
    export_csv(data, path)
    columns = [ferplus.COLUMNS[emotion] for emotion in EMOTIONS]
    header = ",".join(["Usage", "Image name", *columns, *ferplus.OTHERS])
    rows = [
        [usage, "x", *(10 * np.eye(7, dtype=int)[label]), 0, 0, 0]
        for usage, label in zip(data.usage, data.labels, strict=True)
    ]
    votes = write(tmp_path / "fer2013new.csv", rows, header)
    assert load(path, votes, relabel=True).labels.tolist() == data.labels.tolist()
    # The same faces in another order: the splits agree no longer, or the labels do not.
    shuffled = data.take(np.random.default_rng(0).permutation(len(data)))
    export_csv(shuffled, path)
    with pytest.raises(DatasetError, match="do not belong to these faces.*the split"):
        load(path, votes)
    order = np.concatenate(
        [np.random.default_rng(1).permutation(np.flatnonzero(data.usage == s)) for s in SPLITS]
    )
    export_csv(data.take(order), path)
    with pytest.raises(DatasetError, match="do not belong to these faces.*agree with the labels"):
        load(path, votes)


def test_votes_are_checked_where_a_csv_has_no_splits(tmp_path) -> None:
    data = demo.load(training=21, public=7, private=7)
    usage, labels = data.usage, data.labels
    pixels = [" ".join(map(str, face.ravel())) for face in data.faces]
    path = write(tmp_path / "faces.csv", list(zip(labels, pixels, strict=True)), "emotion,pixels")
    columns = [ferplus.COLUMNS[emotion] for emotion in EMOTIONS]
    header = ",".join(["Usage", *columns, *ferplus.OTHERS])

    def votes_of(order: np.ndarray) -> Path:
        of = [[u, *(10 * np.eye(7, dtype=int)[n]), 0, 0, 0]
              for u, n in zip(usage[order], labels[order], strict=True)]  # fmt: skip
        return write(tmp_path / "votes.csv", of, header)

    rows = np.arange(len(data))
    assert load(path, votes_of(rows)).votes.argmax(axis=1).tolist() == labels.tolist()
    with pytest.raises(DatasetError, match="agree with the labels"):
        load(path, votes_of(np.random.default_rng(0).permutation(rows)))


def test_faces_with_enough_agreement(tmp_path) -> None:
    data = load("demo")
    export_csv(data, tmp_path / "faces.csv")
    columns = [ferplus.COLUMNS[emotion] for emotion in EMOTIONS]
    header = ",".join(["Usage", "Image name", *columns, *ferplus.OTHERS])
    rows = [
        [usage, "x", *((10 if i % 2 else 6) * np.eye(7, dtype=int)[label]), 0 if i % 2 else 4, 0, 0]
        for i, (usage, label) in enumerate(zip(data.usage, data.labels, strict=True))
    ]
    votes = write(tmp_path / "fer2013new.csv", rows, header)
    assert len(load(tmp_path / "faces.csv", votes, agreement=0.6)) == len(data)
    assert len(load(tmp_path / "faces.csv", votes, agreement=0.8)) == len(data) // 2
    with pytest.raises(DatasetError, match="FER\\+ file"):
        load(tmp_path / "faces.csv", agreement=0.8)


def test_predictions_of_a_file_without_labels(tmp_path) -> None:
    test = write(tmp_path / "test.csv", [row[1:2] for row in ROWS[:5]], "pixels")
    out = tmp_path / "said.csv"
    done = run("dataset", test, "--model", "fast", "--predict", out)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert len(rows) == 5 and rows[0]["class_prior"] == "recommended"
    assert abs(sum(float(rows[0][emotion.lower()]) for emotion in EMOTIONS) - 1) < 1e-4


# -- several sources


def test_intervals_are_drawn_over_people() -> None:
    # Ten people with ten pictures each, all right or all wrong: ten draws, not a hundred.
    correct = np.repeat(np.arange(10) < 7, 10)
    persons = np.repeat([f"p{i}" for i in range(10)], 10)
    low, high = interval(correct, persons)
    of_faces = interval(correct)
    assert low < 0.5 and high > 0.9 and of_faces[0] > 0.58 and of_faces[1] < 0.81
    assert interval(correct, persons) == (low, high)


@pytest.mark.slow
def test_evaluate_measures_several_sources_side_by_side(tmp_path) -> None:
    for number in range(14):
        label = number % 7
        put(tmp_path / "own" / EMOTIONS[label] / f"S{number // 7:03d}_001_{number:08d}.png", label)
    args = ("evaluate", "--model", "fast", "--data", "demo", "--data", tmp_path / "own")
    found = json.loads(run(*args, "--json").stdout)["sources"]
    assert [one["dataset"] for one in found] == ["demo", "own"]
    # What has no splits of its own is measured whole, over its people.
    assert (found[0]["split"], found[1]["split"]) == ("PublicTest", "all")
    assert (found[1]["n"], found[1]["persons"], found[1]["over"]) == (14, 2, "persons")
    assert found[0]["over"] == "faces" and found[0]["low"] < found[0]["accuracy"] < found[0]["high"]
    words = run(*args).stdout
    assert "95 % interval" in words and "macro recall" in words


def test_numbers_of_each_source_are_read_in_its_own_order(tmp_path) -> None:
    affectnet, own = tmp_path / "affectnet", tmp_path / "own"
    for number, emotion in enumerate(("Neutral", "Happy", "Sad", "Surprise", "Fear")):
        put(affectnet / str(number) / "a.png", EMOTIONS.index(emotion), number)
        put(own / emotion / "a.png", EMOTIONS.index(emotion), number)
    sources = ("--data", affectnet, "--data", own, "--model", "fast", "--json")
    done = run("evaluate", *sources, "--label-order", "affectnet")
    assert done.returncode == 1 and "give one for each dataset" in done.stderr
    done = run("evaluate", *sources, "--label-order", "affectnet", "--label-order", "own")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["sources"]
    assert first["accuracy"] == second["accuracy"] and first["n"] == second["n"] == 5


def test_training_reads_numbers_in_the_order_that_is_given(tmp_path) -> None:
    affectnet = tmp_path / "affectnet"
    for number, emotion in enumerate(("Neutral", "Happy", "Sad")):
        for i in range(10):
            put(affectnet / str(number) / f"{i}.png", EMOTIONS.index(emotion), 10 * number + i)
    # No network is trained: the settings and what is read by them.
    config = configure(model="fast", data=str(affectnet), label_order="affectnet")
    assert set(found(load_data(config))) == {"Happy", "Neutral", "Sad"}
    assert "--label-order affectnet" in command(config)
    mixed = {"mix": {str(affectnet): 1.0}, "mix_label_order": {str(affectnet): "affectnet"}}
    both = load_data(configure(model="fast", data="demo", **mixed))
    assert len(both) > len(load("demo"))
    with pytest.raises(DatasetError, match="mix_label_order"):
        load_data(configure(model="fast", data="demo", mix={str(affectnet): 1.0}))
    for wrong in ({"label_order": "nonsense"}, {"mix_label_order": {"x": "fer2013"}}):
        with pytest.raises(TrainingError, match=next(iter(wrong))):
            configure(model="fast", data="demo", **wrong)
