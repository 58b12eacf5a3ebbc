import bz2
import gzip
import lzma
import tarfile
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core.datasets import SPLITS, Dataset, demo, duplicates, ferplus, load, mix
from fer_core.datasets.fer2013 import export_splits
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder
from fer_core.settings import settings


@pytest.fixture(scope="module")
def faces():
    """A few faces that the program drew, of all splits."""
    return demo.load(140, 35, 35, seed=1)


def as_csv(dataset, header="emotion,pixels,Usage", order="{label},{pixels},{usage}"):
    rows = [
        order.format(label=label, pixels=" ".join(map(str, face.ravel())), usage=usage)
        for face, label, usage in zip(dataset.faces, dataset.labels, dataset.usage, strict=True)
    ]
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def text(faces):
    return as_csv(faces)


def same(a, b):
    return (
        np.array_equal(a.faces, b.faces)
        and np.array_equal(a.labels, b.labels)
        and np.array_equal(a.usage, b.usage)
    )


# -- the demo


def test_demo_is_the_same_for_the_same_seed(faces, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_HOME", str(tmp_path))  # no cache to read from
    settings.cache_clear()
    try:
        again, other = demo.load(140, 35, 35, seed=1), demo.load(140, 35, 35, seed=2)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert same(faces, again)
    assert not np.array_equal(faces.faces, other.faces)


def test_demo_has_all_splits_emotions_and_nobody_twice(faces):
    counts = faces.counts()
    assert list(counts) == list(SPLITS)
    assert all(n == 20 for n in counts["Training"].values())
    assert len(np.unique(faces.faces.reshape(len(faces), -1), axis=0)) == len(faces)


def test_emotions_differ_more_than_the_person_that_shows_them():
    at_rest = demo.draw_face("Neutral", 96, seed=5).astype(int)
    shown = [demo.draw_face(e, 96, seed=5).astype(int) for e in EMOTIONS]
    for i, one in enumerate(shown):
        for other in shown[i + 1 :]:
            assert np.abs(one - other).mean() > 1
    assert np.array_equal(demo.draw_face("Happy", 96, seed=5, strength=0.0), at_rest)


def test_a_stronger_smile_moves_further_from_rest():
    at_rest = demo.draw_face("Happy", 96, seed=3, strength=0.0).astype(int)
    moved = [
        np.abs(demo.draw_face("Happy", 96, seed=3, strength=s).astype(int) - at_rest).mean()
        for s in (0.3, 0.6, 1.0)
    ]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_unknown_emotion_says_which_there_are():
    with pytest.raises(DatasetError, match="Surprise"):
        demo.draw_face("Bored")


# -- FER2013's CSV


def pack_zip(path, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
        file.writestr("fer2013.csv", content)


def pack_tar(path, content):
    inner = path.parent / "fer2013.csv"
    inner.write_bytes(content)
    with tarfile.open(path, "w:gz") as file:
        file.add(inner, "fer2013/fer2013.csv")
        file.add(inner, "fer2013/other.csv")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("fer.csv", lambda path, content: path.write_bytes(content)),
        ("fer.csv.gz", lambda path, content: path.write_bytes(gzip.compress(content))),
        ("fer.csv.xz", lambda path, content: path.write_bytes(lzma.compress(content))),
        ("fer.csv.bz2", lambda path, content: path.write_bytes(bz2.compress(content))),
        ("fer.zip", pack_zip),
        ("fer2013.tar.gz", pack_tar),
    ],
)
def test_csv_in_every_wrapping(tmp_path, faces, text, name, pack):
    pack(tmp_path / name, text.encode())
    assert same(load(tmp_path / name), faces)


def test_second_load_reads_the_cache_and_a_changed_file_is_parsed_again(tmp_path, faces, text):
    path = tmp_path / "fer.csv"
    path.write_text(text, encoding="utf-8")
    load(path)
    cached = max(settings().cache.glob("fer2013-*.npz"), key=lambda p: p.stat().st_mtime_ns)
    with np.load(cached) as file:
        arrays = dict(file)
    np.savez(cached, **arrays | {"labels": 6 - arrays["labels"]})
    assert np.array_equal(load(path).labels, 6 - faces.labels)
    path.write_text(text + text.splitlines()[1] + "\n", encoding="utf-8")
    assert np.array_equal(load(path).labels[:-1], faces.labels)


def test_damaged_cache_is_no_trouble(tmp_path, faces, text):
    path = tmp_path / "fer.csv"
    path.write_text(text, encoding="utf-8")
    load(path)
    cached = max(settings().cache.glob("fer2013-*.npz"), key=lambda p: p.stat().st_mtime_ns)
    cached.write_bytes(cached.read_bytes()[:5000])
    assert same(load(path), faces)


def test_columns_in_another_order_with_spaces_and_quotes(tmp_path, faces):
    path = tmp_path / "icml_face_data.csv"
    path.write_text(
        as_csv(faces, "emotion, Usage, pixels", '{label},{usage},"{pixels}"'), encoding="utf-8"
    )
    assert same(load(path), faces)


def test_csv_without_usage_is_split_by_seed(tmp_path, faces):
    path = tmp_path / "train.csv"
    path.write_text(as_csv(faces, "emotion,pixels", "{label},{pixels}"), encoding="utf-8")
    dataset = load(path)
    assert np.array_equal(dataset.usage, load(path).usage)
    assert dataset.counts()["Training"] == dict.fromkeys(EMOTIONS, 24)
    assert dataset.counts()["PrivateTest"] == dict.fromkeys(EMOTIONS, 3)
    assert not np.array_equal(dataset.usage, load(path, seed=1).usage)


def test_every_bad_row_is_listed_and_can_be_left_out(tmp_path, faces, text):
    lines = text.splitlines()
    lines[1] = lines[1].replace(",", "x,", 1)
    lines[3] = lines[3].replace("Training", "Trainig")
    lines[5] = lines[5].replace(" ", " 300 ", 1)
    label, pixels, usage = lines[6].split(",")
    lines[6] = f"{label},300 {pixels.split(' ', 1)[1]},{usage}"
    lines[8] = "7" + lines[8][1:]
    lines[9] = lines[9].replace(" ", " -", 1)
    lines[11] = lines[11].rsplit(",", 1)[0]
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        load(path)
    problems = {p.split(":")[0]: p for p in caught.value.problems}
    assert set(problems) == {f"row {n}" for n in (0, 2, 4, 5, 7, 8, 10)}
    assert "Trainig" in problems["row 2"]
    assert "2305 pixels, not 2304" in problems["row 4"]
    assert "above 255" in problems["row 5"]
    assert "'7'" in problems["row 7"]
    assert "whole numbers" in problems["row 8"]
    assert "2 fields" in problems["row 10"]
    assert "and 6 more" in str(caught.value)

    rest = load(path, skip_bad=True)
    good = np.setdiff1d(np.arange(len(faces)), [0, 2, 4, 5, 7, 8, 10])
    assert same(rest, faces.take(good))
    assert np.array_equal(rest.rows, good)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"emotion,Usage\n0,Training\n", "lacks the column pixels"),
        ("b.csv", b"emotion,pixels,Usage\n", "no rows"),
        ("c.csv", b"", "lacks the column emotion"),
        ("d.csv.xz", b"this is not xz", "damaged"),
        ("e.csv.gz", b"this is not gzip", "damaged"),
        ("f.zip", b"this is not zip", "damaged"),
        ("g.csv", bytes(range(256)) * 9, "lacks the column"),
        ("h.txt", b"emotion,pixels,Usage\n", "no dataset"),
        ("i.csv", "emotion,pixels,Usage\n".encode("utf-16"), "save it as UTF-8"),
    ],
)
def test_files_that_are_something_else(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        load(tmp_path / name)


def test_what_a_cut_off_archive_still_holds_can_be_used(tmp_path, faces, text):
    path = tmp_path / "cut.csv.gz"
    whole = gzip.compress(text.encode())
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(DatasetError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.startswith("from row ") and "cut off" in problem
    rest = load(path, skip_bad=True)
    assert 0 < len(rest) < len(faces)
    assert same(rest, faces.take(np.arange(len(rest))))
    path.write_bytes(whole[:40])
    with pytest.raises(DatasetError, match="damaged"):
        load(path, skip_bad=True)


def test_missing_file_names_it():
    with pytest.raises(DatasetError, match=r"nowhere.csv: No such file"):
        load("/nowhere.csv")


def test_exported_splits_read_back(tmp_path, faces):
    assert export_splits(faces, ExportFolder(tmp_path)) == len(SPLITS)
    for split in SPLITS:
        assert same(load(tmp_path / f"{split}.csv"), faces.split(split))


# -- FER+


def votes_for(dataset):
    """Ten votes for the label of every face."""
    return np.pad(10 * np.eye(7)[dataset.labels], ((0, 0), (0, 3)))


def write_votes(path, counts, usage):
    header = (
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    )
    order = [6, 3, 5, 4, 0, 1, 2, 7, 8, 9]
    rows = [
        f"{split},fer.png," + ",".join(str(int(row[i])) for i in order)
        for split, row in zip(usage, np.array(counts), strict=False)
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_votes_become_shares_labels_and_exclusions(tmp_path, faces, text):
    counts = votes_for(faces)
    counts[0] = [0, 0, 0, 6, 0, 2, 0, 2, 0, 0]  # Happy
    counts[1] = [5, 0, 5, 0, 0, 0, 0, 0, 0, 0]  # nobody wins
    counts[2] = [2, 0, 0, 0, 0, 0, 0, 8, 0, 0]  # contempt
    counts[3] = [0, 0, 0, 0, 0, 0, 4, 0, 0, 6]  # not a face
    counts[4] = [0, 0, 0, 0, 5, 0, 0, 0, 0, 5]  # not a majority
    write_votes(tmp_path / "votes.csv", counts, faces.usage)
    (tmp_path / "fer.csv").write_text(text, encoding="utf-8")

    soft = load(tmp_path / "fer.csv", tmp_path / "votes.csv")
    assert np.array_equal(soft.labels, faces.labels)
    assert soft.votes[0].tolist() == [0, 0, 0, 0.75, 0, 0.25, 0]
    assert soft.targets(0.5)[0].tolist() == [0.5, 0, 0, 0.375, 0, 0.125, 0]

    other = load(tmp_path / "fer.csv", tmp_path / "votes.csv", relabel=True, drop_not_faces=True)
    assert len(other) == len(faces) - 1
    assert other.rows[:4].tolist() == [0, 1, 2, 4]
    assert other.labels[:4].tolist() == [3, faces.labels[1], faces.labels[2], faces.labels[4]]
    assert np.array_equal(other.labels[4:], faces.labels[5:])


def test_votes_follow_rows_when_bad_ones_are_left_out(tmp_path, faces, text):
    lines = text.splitlines()
    lines[2] = "9" + lines[2][1:]
    (tmp_path / "fer.csv").write_text("\n".join(lines), encoding="utf-8")
    write_votes(tmp_path / "votes.csv", votes_for(faces), faces.usage)
    dataset = load(tmp_path / "fer.csv", tmp_path / "votes.csv", skip_bad=True)
    assert np.array_equal(dataset.votes.argmax(axis=1), np.delete(faces.labels, 1))


@pytest.mark.slow
def test_votes_that_do_not_belong(tmp_path, faces, text):
    (tmp_path / "fer.csv").write_text(text, encoding="utf-8")
    write_votes(tmp_path / "short.csv", np.ones((3, 10)), faces.usage)
    with pytest.raises(DatasetError, match="has 3 rows"):
        load(tmp_path / "fer.csv", tmp_path / "short.csv")
    with pytest.raises(DatasetError, match="not the FER"):
        load(tmp_path / "fer.csv", tmp_path / "fer.csv")
    with pytest.raises(DatasetError, match="fit no other data"):
        load("demo", tmp_path / "short.csv")
    with pytest.raises(DatasetError, match="FER\\+ file .* as votes"):
        load(tmp_path / "fer.csv", relabel=True)


# -- folders


def save(face, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(face).save(path)


def test_plain_folders_are_split_by_seed_and_class(tmp_path, faces):
    names = ("anger", "Disgust", "FEAR", "happiness", "sad", "surprised", "neutral")
    for i, (face, label) in enumerate(zip(faces.faces, faces.labels, strict=True)):
        save(face, tmp_path / names[label] / f"{i:03}.png")
    dataset = load(tmp_path)
    assert dataset.counts()["Training"] == dict.fromkeys(EMOTIONS, 24)
    assert np.array_equal(dataset.faces[dataset.labels == 3], faces.faces[faces.labels == 3])
    assert same(dataset, load(tmp_path))
    assert not np.array_equal(dataset.usage, load(tmp_path, seed=1).usage)


def test_kaggle_folders_keep_the_splits_that_file_names_tell(tmp_path, faces):
    for i, (face, label, usage) in enumerate(
        zip(faces.faces, faces.labels, faces.usage, strict=True)
    ):
        top = "train" if usage == "Training" else "test"
        save(face, tmp_path / top / EMOTIONS[label].lower() / f"{usage}_{i}.png")
    dataset = load(tmp_path)
    assert dataset.counts() == faces.counts()
    private = dataset.split("PrivateTest").faces.reshape(35, -1)
    expected = faces.split("PrivateTest").faces.reshape(35, -1)
    assert sorted(map(bytes, private)) == sorted(map(bytes, expected))


def test_kaggle_folders_with_other_file_names_are_halved(tmp_path, faces):
    for i, (face, label) in enumerate(zip(faces.faces[:140], faces.labels[:140], strict=True)):
        top = "train" if i < 84 else "test"
        save(face, tmp_path / top / EMOTIONS[label].lower() / f"im{i}.png")
    counts = load(tmp_path).counts()
    assert counts["Training"] == dict.fromkeys(EMOTIONS, 12)
    assert counts["PublicTest"] == counts["PrivateTest"] == dict.fromkeys(EMOTIONS, 4)


def test_train_val_test(tmp_path, faces):
    for top, rows in (("train", range(14)), ("val", range(14, 21)), ("test", range(21, 35))):
        for i in rows:
            save(faces.faces[i], tmp_path / top / EMOTIONS[faces.labels[i]] / f"{i}.png")
    counts = load(tmp_path).counts()
    assert [sum(counts[s].values()) for s in SPLITS] == [14, 7, 14]


def test_bad_files_and_folders_are_all_listed(tmp_path, faces):
    for i in range(14):
        save(faces.faces[i], tmp_path / EMOTIONS[faces.labels[i]] / f"{i}.png")
    (tmp_path / "Happy" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "Sad" / "empty.png").write_bytes(b"")
    save(faces.faces[0], tmp_path / "bored" / "1.png")
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    assert [p.split(":")[0] for p in caught.value.problems] == [
        "bored", "Happy/broken.jpg", "Sad/empty.png",
    ]  # fmt: skip
    assert len(load(tmp_path, skip_bad=True)) == 14


def test_oblong_colour_pictures_give_their_middle(tmp_path):
    wide = np.zeros((96, 200, 3), np.uint8)
    wide[:, 52:148] = demo.draw_face("Happy", 96, seed=2)
    for i in range(3):
        save(wide, tmp_path / "happy" / f"{i}.png")
    face = load(tmp_path).faces[0]
    expected = np.array(Image.fromarray(demo.draw_face("Happy", 96, seed=2)).convert("L"), float)
    expected = expected.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(face - expected).max() <= 1.5


def test_faces_are_found_in_photos(tmp_path):
    from fer_core.images import example_portrait

    save(example_portrait(), tmp_path / "happy" / "astronaut.png")
    save(np.full((300, 300, 3), 90, np.uint8), tmp_path / "sad" / "wall.png")
    dataset = load(tmp_path, detector="haar", skip_bad=True)
    whole = load(tmp_path).faces[0]
    assert len(dataset) == 1
    assert not np.array_equal(dataset.faces[0], whole)
    with pytest.raises(DatasetError, match="no face was found"):
        load(tmp_path, detector="haar")


def test_folder_without_emotions(tmp_path, faces):
    save(faces.faces[0], tmp_path / "cats" / "1.png")
    with pytest.raises(DatasetError, match="folders named after emotions"):
        load(tmp_path)


# -- mixing


def test_mixed_rows_have_votes_and_weight_and_the_first_source_tests(faces):
    from dataclasses import replace

    voted = replace(faces, votes=np.eye(7, dtype=np.float32)[faces.labels])
    mixed = mix([(faces, 1.0), (voted, 3.0)])
    # Of further sources only training faces are taken.
    assert len(mixed) == len(faces) + len(faces.split("Training"))
    assert set(mixed.usage[len(faces) :]) == {"Training"}
    assert mixed.weights[-1] == pytest.approx(3 * mixed.weights[0])
    assert mixed.weights.mean() == pytest.approx(1)
    assert not mixed.votes[: len(faces)].any()
    # What the first source tests with is not learned from the second.
    leak = replace(faces, usage=np.full(len(faces), "Training"))
    assert len(mix([(faces, 1.0), (leak, 1.0)])) == len(mixed)
    with pytest.raises(DatasetError, match="above 0"):
        mix([(faces, 0.0)])


def test_copies_between_sources_are_found_and_neither_learned_nor_measured(faces):
    own = demo.load(training=35, public=35, private=7, seed=5)
    training, held = faces.split("Training"), faces.split("PublicTest")
    # Saved once more as a JPEG, no pixel need be equal.
    again = [cv2.imdecode(cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 0)
             for f in held.faces[:10]]  # fmt: skip
    pictures = np.concatenate([own.faces, again, training.faces[:10]])
    usage = np.concatenate([own.usage, ["Training"] * 10, ["PublicTest"] * 10])
    labels = np.concatenate([own.labels, held.labels[:10], training.labels[:10]])
    other = Dataset("other", pictures, labels, usage)
    mixed = mix([(faces, 1.0), (other, 1.0)])
    learned = mixed.faces[len(faces) :]
    # Faces of the first source that validate are not learned from the second, not even nearly.
    assert not len(duplicates.between(learned, held.faces))
    assert len(learned) <= len(own.split("Training"))
    # The second source measures with what is learned nowhere, under its own name.
    (further,) = mixed.further
    assert (further.name, further.checksum) == other.identity() and further.copies >= 10
    assert not len(duplicates.between(further.faces.faces, mixed.split("Training").faces))
    assert mixed.measured_as("PublicTest") == faces.identity() != mixed.identity()
    assert mixed.measured_as("Training") == mixed.identity()


# -- the real thing, where there is one


def test_fer2013_has_its_published_counts(fer2013):
    per_class = np.bincount(fer2013.labels).tolist()
    assert per_class == [4953, 547, 5121, 8989, 6077, 4002, 6198]
    assert [int((fer2013.usage == s).sum()) for s in SPLITS] == [28709, 3589, 3589]
    assert fer2013.faces[0, 0, :4].tolist() == [70, 80, 82, 72]


def test_majority_needs_a_single_winner():
    counts = np.zeros((3, 10), np.float32)
    counts[0, [1, 2]] = 5
    counts[1, 7] = 10
    counts[2, 4] = 1
    assert ferplus.majority(counts, np.array([0, 0, 0])).tolist() == [0, 0, 4]
