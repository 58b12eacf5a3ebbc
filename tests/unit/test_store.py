"""What is kept is there, and what is deleted is gone."""

import pandas as pd
import pytest

from fer_core import stored_data
from fer_core.errors import FerError
from fer_core.live import saved
from fer_core.settings import settings
from tests.unit.test_timeline import table


@pytest.fixture(autouse=True)
def empty() -> None:
    stored_data.delete_all()


def test_a_session_comes_back_as_it_was() -> None:
    made = table(("Happy", 2), ("Sad", 1))
    key = saved.save_session(made, "First try", {"model": "fast"})
    (saved_session,) = saved.list_sessions()
    assert (saved_session.id, saved_session.name, saved_session.about) == (
        key,
        "First try",
        {"model": "fast"},
    )
    assert saved_session.seconds == pytest.approx(3) and saved_session.saved.tzinfo is not None
    pd.testing.assert_frame_equal(saved.load_session(key), made.assign(source="First try"))


def test_looking_does_not_make_a_file() -> None:
    assert saved.list_sessions() == []
    assert not settings().store.exists()


def test_a_deleted_session_is_gone_and_the_others_are_not() -> None:
    first = saved.save_session(table(("Happy", 1)), "unmistakable words")
    second = saved.save_session(table(("Sad", 1)), "b")
    saved.delete_session(first)
    assert [saved_session.id for saved_session in saved.list_sessions()] == [second]
    assert len(saved.load_session(second)) == 10
    assert b"unmistakable words" not in settings().store.read_bytes()
    with pytest.raises(FerError, match="not kept any more"):
        saved.load_session(first)


def test_delete_all_deletes_everything() -> None:
    saved.save_session(table(("Happy", 1)), "a")
    assert stored_data.delete_all().sessions == 1
    assert saved.list_sessions() == [] and not settings().store.exists()


def test_nothing_to_keep_says_so() -> None:
    with pytest.raises(FerError, match="record some first"):
        saved.save_session(table(), "empty")


def test_a_damaged_store_says_which_file() -> None:
    settings().store.write_bytes(b"this is no database" * 100)
    with pytest.raises(FerError, match="store.sqlite"):
        saved.list_sessions()
