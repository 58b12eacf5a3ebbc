"""What tests of pages share: a home of their own, in which a visitor acts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from fer_core.settings import settings
from ui.services import access
from ui.services.access import Person

#: The key of the visitor.
KEY = "0" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    # The testing of Streamlit has no browser, and so no cookies.
    monkeypatch.setattr(access, "browser_cookie", lambda: None)
    with access.acting(lambda: Person(KEY)):
        yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()
    st.cache_data.clear()
