"""``python -m benchmarks NAME``: measure on this machine what the published figures rest on.

``results`` writes ``docs/results.md`` from what was measured.
"""

import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import click

from benchmarks.report import MEASURED
from fer_core.cli.common import json_option, note, print_json, run_as_program
from fer_core.errors import FerError
from fer_core.files import write_json

#: Comparisons with options of their own, and what each is for.
_SCRIPTS: Final = {
    "dashboard": "What the training page costs the training.",
    "firefox_device": "Live on the visitor's own device, in Firefox.",
    "runtimes": "LiteRT, ONNX Runtime and OpenCV beside each other.",
    "screenshots": "Take pictures of every page, wide and narrow, light and dark, for review.",
    "versus_fer": "Beside the fer package, accuracy included.",
    "video_pictures": "Take the pictures of the video guide.",
    "walkthrough": "Take the pictures of the training guide.",
}


@click.group("benchmarks")
def command() -> None:
    """Measure on this machine; --save keeps the result for docs/results.md."""


def _report(name: str, result: dict[str, Any], as_json: bool, save: bool) -> None:
    module: ModuleType = importlib.import_module(f"benchmarks.{name}")
    if save:
        write_json(MEASURED / f"{name}.json", result)
    if as_json:
        print_json(result)
    else:
        click.echo(module.to_markdown(result))


save_option = click.option("--save", is_flag=True, help="Save the result for 'results'.")


@command.command("image")
@click.option(
    "--versus",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with the fer package, see benchmarks/README.md.",
)
@click.option("--rounds", type=click.IntRange(1), default=9, help="Medians of so many.")
@json_option
@save_option
def image(versus: Path | None, rounds: int, as_json: bool, save: bool) -> None:
    """Measure where the time of a picture goes, and how that compares."""
    from benchmarks.image import run_image

    _report("image", run_image(versus, rounds), as_json, save)


@command.command("folder")
@click.option(
    "--versus",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with the fer package, see benchmarks/README.md.",
)
@click.option("--data", default="demo", help="fer2013.csv; the demo faces without.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Medians of so many.")
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def folder(as_json: bool, save: bool, **how: Any) -> None:
    """Read a folder of portraits: speed, cores kept busy, and memory."""
    from benchmarks.folder import run_folder

    _report("folder", run_folder(**how), as_json, save)


@command.command("tradeoff")
@click.option("--data", default="demo", help="fer2013.csv; the demo faces without.")
@click.option("--pictures", type=click.IntRange(1), default=600)
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def tradeoff(as_json: bool, save: bool, **how: Any) -> None:
    """Measure accuracy against time per picture, for every shipped model."""
    from benchmarks.tradeoff import run_tradeoff

    _report("tradeoff", run_tradeoff(**how), as_json, save)


@command.command("recipes")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option(
    "--votes",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="FER+ votes, fer2013new.csv.",
)
@click.option("--model", default="fast", help="The network that is trained.")
@click.option("--epochs", type=click.IntRange(1), default=12)
@click.option("--seeds", type=click.IntRange(1), default=2, help="Runs of each.")
@click.option("--only", multiple=True, help="An idea by its name; can be repeated.")
@json_option
@save_option
def recipes(as_json: bool, save: bool, **how: Any) -> None:
    """Train a small network with and without ideas; with --save every run is kept."""
    from benchmarks.recipes import run_recipes

    _report("recipes", run_recipes(save=save, **how), as_json, save)


@command.command("sizes")
@click.option("--environments", is_flag=True, help="Make fresh environments, which takes minutes.")
@click.option("--test-minutes", type=float, help="What 'make test' took.")
@json_option
@save_option
def sizes(as_json: bool, save: bool, **how: Any) -> None:
    """Measure lines per package, megabytes of the environments, seconds to import."""
    from benchmarks.sizes import run_sizes

    _report("sizes", run_sizes(**how), as_json, save)


@command.command("detectors")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="fer2013.csv.")
@click.option("--votes", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--split", type=click.Choice(["Training", "PublicTest", "PrivateTest"]))
@click.option("--faces", type=click.IntRange(10), help="Faces per condition.")
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def detectors(as_json: bool, save: bool, **how: Any) -> None:
    """Measure faces found, false boxes, accuracy and speed of every detector."""
    from benchmarks.detectors import run_detectors

    given = {key: value for key, value in how.items() if value is not None}
    if "votes" in given and "data" not in given:
        raise FerError("--votes goes with --data.")
    _report("detectors", run_detectors(**given), as_json, save)


@command.command("video")
@click.option(
    "--versus",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with the fer package, see benchmarks/README.md.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(["speed", "cores", "memory", "correct"]),
    help="Measure only this; with --save the rest stays as saved.",
)
@click.option("--data", default="demo", show_default=True, help="fer2013.csv, or 'demo'.")
@click.option("--clips", type=click.IntRange(1), default=80, help="Made videos to be right about.")
@click.option("--minutes", type=click.IntRange(2), default=30, help="Of the long file.")
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def video(parts: tuple[str, ...], as_json: bool, save: bool, **how: Any) -> None:
    """Measure speed, memory and correctness of recorded video."""
    from benchmarks.video import PARTS, run_video

    kept = MEASURED / "video.json"
    before = json.loads(kept.read_text(encoding="utf-8")) if parts and kept.exists() else {}
    _report("video", before | run_video(parts or PARTS, **how), as_json, save)


@command.command("live")
@click.option("--seconds", type=click.FloatRange(1), default=20, help="Per number of visitors.")
@click.option("--soak", type=click.FloatRange(0), default=0, help="Minutes of one long session.")
@click.option("--browser", is_flag=True, help="One run through the app in a real browser.")
@click.option(
    "--device",
    is_flag=True,
    help="Instead of all this, on the visitor's own device, and the server's way beside it.",
)
@click.option(
    "--versus",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with the fer package, see benchmarks/README.md.",
)
@json_option
@save_option
def live(
    seconds: float,
    soak: float,
    browser: bool,
    device: bool,
    versus: Path | None,
    as_json: bool,
    save: bool,
) -> None:
    """Measure video rate, analyses and delay of live sessions, and the usual way beside them."""
    if device:
        from benchmarks.live_device import run_live_device

        return _report("live_device", run_live_device(seconds), as_json, save)
    from benchmarks.live import run_live

    result = run_live(seconds, soak=soak, versus=versus, browser=browser)
    return _report("live", result, as_json, save)


@command.command("train")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Medians of so many.")
@click.option("--batches", type=click.IntRange(2), default=10, help="Of 128 faces, each time.")
@json_option
@save_option
def train(rounds: int, batches: int, as_json: bool, save: bool) -> None:
    """Measure images per second: our pipeline, our training, and the report's way."""
    from benchmarks.train import run_train

    _report("train", run_train(rounds, batches), as_json, save)


@command.command("dataset")
@click.option("--data", default="demo", show_default=True, help="fer2013.csv, or 'demo'.")
@click.option("--rounds", type=click.IntRange(1), default=7, help="Medians of so many.")
@click.option("--browser", is_flag=True, help="Also on the page, in a real browser.")
@json_option
@save_option
def dataset(data: str, rounds: int, browser: bool, as_json: bool, save: bool) -> None:
    """Measure time and memory to open a dataset, filter, sort and page it."""
    from benchmarks.dataset import run_dataset

    _report("dataset", run_dataset(data, rounds, browser), as_json, save)


@command.command("audit")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option("--votes", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", help="Whose features are used; without it the default's.")
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def audit(as_json: bool, save: bool, **how: Any) -> None:
    """Measure what is wrong with FER2013, and how good the audit is: docs/dataset-audit.md."""
    from benchmarks.audit import run_audit

    _report("audit", run_audit(**how), as_json, save)


@command.command("corrections")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option("--votes", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    multiple=True,
    default=(0.8, 0.5, 0.0),
    show_default=True,
    help="Correct labels where the error is at least this sure; a training for each.",
)
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--model", help="Whose features the audit uses; without it the default's.")
@click.option("--network/--no-network", default=True, help="The small network as well.")
@click.option(
    "--repeats", type=click.IntRange(1), default=2, help="Seeds that the network is trained from."
)
@json_option
@save_option
def corrections(as_json: bool, save: bool, **how: Any) -> None:
    """Train with the audit's corrections and without, and compare (about half an hour)."""
    from benchmarks.corrections import run_corrections

    _report("corrections", run_corrections(**how), as_json, save)


@command.command("reliability")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option("--faces", type=click.IntRange(100), default=1500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def reliability(data: str, faces: int, seed: int, as_json: bool, save: bool) -> None:
    """Measure signs that an answer cannot be trusted: fitted on PublicTest, with --save for the
    program.
    """
    from benchmarks.reliability import run_reliability, save_fitted

    result = run_reliability(data, faces, seed)
    if save:
        save_fitted(result)
    _report("reliability", result, as_json, save)


@command.command("priors")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@json_option
def priors(data: str, as_json: bool) -> None:
    """Fit the recommended class priors on PublicTest, and write them into the models' cards."""
    from benchmarks.priors import run_priors

    _report("priors", run_priors(data), as_json, False)


@command.command("sources")
@click.option(
    "--second",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Faces of another source, which never chooses.",
)
@click.option("--cards", is_flag=True, help="Write its figures into the models' cards as well.")
@json_option
@save_option
def sources(second: Path, cards: bool, as_json: bool, save: bool) -> None:
    """Measure all shipped models on FER2013's test splits and on a second source."""
    from benchmarks.sources import run_sources

    _report("sources", run_sources(second, cards), as_json, save)


@command.command("nested")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option("--pictures", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def nested(data: str, pictures: int, seed: int, as_json: bool, save: bool) -> None:
    """Measure large faces that are reported twice."""
    from benchmarks.nested import run_nested

    _report("nested", run_nested(data, pictures, seed), as_json, save)


@command.command("company")
@click.option("--faces", type=click.IntRange(2, 20), default=10, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=15, help="Per measurement.")
@click.option("--model", default="pk_03", show_default=True)
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout of another commit, measured in turn.",
)
@click.option("--rounds", type=click.IntRange(1), default=1, help="The medians are of so many.")
@json_option
@save_option
def company(as_json: bool, save: bool, **how: Any) -> None:
    """Measure live with one face and with many, both ways."""
    from benchmarks.company import run_company

    _report("company", run_company(**how), as_json, save)


@command.command("hostile")
@click.option("--visitors", type=click.IntRange(1), default=10, show_default=True)
@click.option("--seconds", type=click.FloatRange(5), default=300, show_default=True)
@json_option
@save_option
def hostile(visitors: int, seconds: float, as_json: bool, save: bool) -> None:
    """Measure memory of a public copy under hostile visitors, and what a normal one notices."""
    from benchmarks.hostile import run_hostile

    _report("hostile", run_hostile(visitors, seconds), as_json, save)


@command.command("tracking")
@click.option("--data", required=True, help="fer2013.csv, packed or not.")
@click.option("--clips", type=click.IntRange(1), default=18, show_default=True, help="Per seed.")
@click.option("--seeds", default="2,5,6,7,8", show_default=True, help="Of people and plans.")
@click.option("--rate", default="5,10,30", show_default=True, help="Samples a second.")
@click.option(
    "--split",
    type=click.Choice(["Training", "PublicTest"]),
    default="PublicTest",
    show_default=True,
    help="Whose faces: Training to tune, PublicTest to report.",
)
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A git worktree of commit 65fb702, whose tracker is measured as well.",
)
@click.option(
    "--bytetrack",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with ByteTrack, see benchmarks/README.md.",
)
@json_option
@save_option
def tracking(rate: str, seeds: str, as_json: bool, save: bool, **how: Any) -> None:
    """Measure how well people keep their numbers in made videos, beside other trackers."""
    from benchmarks.tracking import run_tracking

    try:
        rates, chosen = ([int(one) for one in text.split(",")] for text in (rate, seeds))
    except ValueError:
        raise FerError("Give --rate and --seeds as whole numbers, such as 5,10,30.") from None
    _report("tracking", run_tracking(rates=rates, seeds=chosen, **how), as_json, save)


@command.command("study_statistics")
@click.option("--studies", type=click.IntRange(100), default=4000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0)
@json_option
@save_option
def study_statistics(studies: int, seed: int, as_json: bool, save: bool) -> None:
    """Measure error rates, coverage and power of the statistics of studies, on made studies."""
    from benchmarks.study_statistics import run_study_statistics

    _report("study_statistics", run_study_statistics(studies, seed), as_json, save)


@command.command("study_page")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@json_option
@save_option
def study_page(rounds: int, as_json: bool, save: bool) -> None:
    """Measure how soon the page of a study with 150 recordings is there, in Chromium."""
    from benchmarks.study_page import run_study_page

    _report("study_page", run_study_page(rounds), as_json, save)


@command.command("results")
@click.option(
    "--keep", "model_folder", type=click.Path(file_okay=False, path_type=Path),
    help="First save the figures of this model's folder, which does not ship, for the page.",
)  # fmt: skip
def results(model_folder: Path | None) -> None:
    """Write docs/results.md and the models' READMEs from cards and measurements."""
    from benchmarks import report

    if model_folder:
        note(f"Saved as {report.save_card(model_folder)}.")
    note(f"Written to {report.write()}.")


def _script(name: str, what: str) -> None:
    @command.command(
        name,
        help=what,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def run(arguments: tuple[str, ...]) -> None:
        importlib.import_module(f"benchmarks.{name}").main(list(arguments))


for _name, _what in _SCRIPTS.items():
    _script(_name, _what)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_as_program(command, "python -m benchmarks")
