"""The photo path beside the ``fer`` package, see README.md of this folder.

    python -m benchmarks versus_fer PYTHON [--data fer2013.csv] [--rounds 9] [--json FILE]

PYTHON is the interpreter of the environment that has the package. With --data, its
accuracy on the two test splits of FER2013 is measured as well.
"""

import argparse
from pathlib import Path

from benchmarks.versus import run_versus, to_markdown
from fer_core.datasets import load
from fer_core.files import write_json


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path)
    parser.add_argument("--data", help="FER2013: measure the package's accuracy as well.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="Write the result to this file.")
    given = parser.parse_args(arguments)
    dataset = load(given.data) if given.data else None
    result = run_versus(given.python, given.rounds, dataset)
    if given.json:
        write_json(given.json, result)
    print(to_markdown(result))
