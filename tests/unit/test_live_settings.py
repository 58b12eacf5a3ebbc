"""Servers for live video come from the environment; mistakes there are named."""

import json

import pytest

from fer_core.errors import FerError
from fer_core.settings import settings


@pytest.fixture(autouse=True)
def fresh():
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_by_default_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FER_ICE_SERVERS", raising=False)
    assert settings().ice_servers == []


def test_servers_are_read_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [
        {"urls": "stun:stun.example.org"},
        {"urls": ["turn:turn.example.org"], "username": "u", "credential": "p"},
    ]
    monkeypatch.setenv("FER_ICE_SERVERS", json.dumps(servers))
    assert [s.model_dump(exclude_none=True) for s in settings().ice_servers] == servers


@pytest.mark.parametrize("value", ["turn:example.org", '[{"url": "turn:example.org"}]'])
def test_a_mistake_names_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FER_ICE_SERVERS", value)
    with pytest.raises(FerError, match="FER_ICE_SERVERS"):
        settings()
