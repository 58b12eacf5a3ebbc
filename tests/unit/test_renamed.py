"""Former names of options' values: they work for one more release, with a note."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fer_core.cli.common import corrections_option, preset_option
from fer_core.datasets import corrections, load
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.presets import preset


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_former_names_in_python() -> None:
    with pytest.warns(FutureWarning, match="'report' is now 'baseline'"):
        former = preset("report", "pk_03")
    assert former == preset("baseline", "pk_03")
    with pytest.warns(FutureWarning, match="'kept' is now 'saved'"):
        assert corrections.load("kept").faces == {}
    with pytest.warns(FutureWarning, match="one more release"):
        assert len(load("demo", corrections="kept")) == len(load("demo"))
    with pytest.warns(FutureWarning, match="'kept' is now 'saved'"):
        config = configure(model="fast", data="demo", corrections="kept")
    assert config.corrections is not None and config.corrections.is_file()


def test_former_names_in_commands() -> None:
    @click.command()
    @corrections_option
    @preset_option
    def command(corrections: str, preset: str) -> None:
        click.echo(f"{corrections} {preset}")

    done = CliRunner().invoke(command, ["--corrections", "kept", "--preset", "report"])
    assert done.stdout == "saved baseline\n"
    assert "'kept' is now 'saved'" in done.stderr and "'report' is now 'baseline'" in done.stderr
    done = CliRunner().invoke(command, ["--corrections", "mine.csv"])
    assert done.stdout == "mine.csv None\n" and not done.stderr
