"""``evaluate``: how good a model is on labelled faces."""

import click

from fer_core.classifier import load_classifier
from fer_core.cli.common import data_option, json_option, print_json
from fer_core.datasets import load
from fer_core.datasets.base import SPLITS
from fer_core.evaluation import Evaluation, evaluate


@click.command("evaluate")
@click.option("--model", required=True, help="Model, see 'models'.")
@data_option()
@click.option("--split", type=click.Choice([*SPLITS, "all"]), default="PublicTest")
@click.option(
    "--tta",
    type=click.Choice(["served", "none", "flip"]),
    default="served",
    help="Test-time augmentation: as the exported file does it, none, or both mirror images.",
)
@json_option
def command(model: str, data: str, split: str, tta: str, as_json: bool) -> None:
    """Measure the exported file of a model on a split of a dataset."""
    result = evaluate(load_classifier(model), load(data), split, tta)
    if as_json:
        print_json(result.to_dict())
    else:
        click.echo(in_words(result))


def in_words(result: Evaluation) -> str:
    """The figures as a table for people."""
    lines = [
        f"{result.n} faces: accuracy {result.accuracy:.2%}, macro F1 {result.macro_f1:.3f}, "
        f"log loss {result.log_loss:.3f}, calibration error {result.ece:.2%}",
        f"{'':<10}{'precision':>10}{'recall':>8}{'f1':>7}{'support':>9}",
    ]
    lines += [
        f"{emotion:<10}{row['precision']:>10.2f}{row['recall']:>8.2f}{row['f1']:>7.2f}"
        f"{row['support']:>9}"
        for emotion, row in result.per_class.items()
    ]
    return "\n".join(lines)
