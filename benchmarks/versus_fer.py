"""The photo path beside the ``fer`` package, see README.md of this folder.

    python benchmarks/versus_fer.py PYTHON [--data fer2013.csv] [--rounds 9] [--json FILE]

PYTHON is the interpreter of the environment that has the package. With --data, its
accuracy on the two test splits of FER2013 is measured as well.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fer_core.benchmarks.versus import run_versus, to_markdown
from fer_core.datasets import load
from fer_core.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path)
    parser.add_argument("--data", help="FER2013: measure the package's accuracy as well.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="Write the result to this file.")
    arguments = parser.parse_args()
    dataset = load(arguments.data) if arguments.data else None
    result = run_versus(arguments.python, arguments.rounds, dataset)
    if arguments.json:
        write_json(arguments.json, result)
    print(to_markdown(result))


if __name__ == "__main__":
    main()
