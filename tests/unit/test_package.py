"""The package as somebody gets it: what the wheel holds, and that it works in any folder."""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import fer_core
from fer_core.models.catalogue import list_models
from fer_core.resources import models_folder

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = models_folder() / "examples" / "astronaut.png"
#: What only extras bring; a core environment has none of it.
EXTRAS = (
    "pandas", "pyarrow", "scipy", "sklearn", "plotly", "av", "jinja2", "ruptures", "streamlit",
    "tensorflow", "keras", "matplotlib", "skimage", "distributed",
)  # fmt: skip


def run(python: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *python],
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )


def requirements(extra: str | None = None) -> set[str]:
    """What pyproject.toml asks for, with the extras that an extra names taken apart."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if extra is None:
        return set(project["dependencies"])
    found = set()
    for requirement in project["optional-dependencies"][extra]:
        if own := re.fullmatch(r"fer-core\[(.+)\]", requirement):
            found |= set().union(*map(requirements, own[1].split(",")))
        else:
            found.add(requirement)
    return found


def test_requirements_are_those_of_the_extra_all() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert len(wanted) == len(set(wanted))
    assert set(wanted) == requirements() | requirements("all")


def test_nothing_but_the_package_stands_at_the_top_of_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    info = f"fer_core-{fer_core.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"fer_core", info}
    unwanted = re.compile(r"__pycache__|node_modules|tests?/|package-lock|\.git|static/models")
    assert not [name for name in names if unwanted.search(name)]
    for file in (
        "py.typed", "_app/streamlit_app.py", "_app/.streamlit/config.toml", "_app/pages/home.py",
        "_app/docs/glossary.md",
        "_app/static/device/worker.js", "_app/static/device/LICENSE", "_models/detectors/LICENSE",
        "_models/vgg/model.tflite", "_models/examples/README.md",
    ):  # fmt: skip
        assert f"fer_core/{file}" in names


def test_the_wheel_works_in_any_folder(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed), "FER_HOME": str(tmp_path / "home")}
    done = run(["-m", "fer_core", "models", "--json"], tmp_path, **env)
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} >= {f.name for f in list_models() if f.ships}
    assert all(Path(row["path"]).is_relative_to(installed) for row in rows)
    (tmp_path / "photo.png").write_bytes(PORTRAIT.read_bytes())
    done = run(["-m", "fer_core", "analyze", "photo.png", "--json"], tmp_path, **env)
    assert json.loads(done.stdout)[0]["faces"][0]["emotion"] == "Happy"


def test_a_users_files_are_never_imported_by_our_processes(installed: Path, tmp_path: Path) -> None:
    """A worker runs in the user's folder; what lies there is data, whatever it is called."""
    (tmp_path / "queue.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    code = (
        "import subprocess; from fer_core.resources import module_command, module_environment\n"
        "command = module_command('fer_core', 'models')\n"
        "raise SystemExit(subprocess.run(command, env=module_environment()).returncode)"
    )
    for env in ({"PYTHONPATH": str(installed)}, {"PYTHONPATH": str(ROOT)}):
        done = run(["-P", "-c", code], tmp_path, **env)
        assert done.returncode == 0 and "vgg" in done.stdout, done.stderr


def test_the_core_needs_no_extra(tmp_path: Path) -> None:
    code = f"""
import sys
import fer_core
print(sorted(name for name in sys.modules if name.split(".")[0] in ("numpy", "PIL", "cv2")))
from click.testing import CliRunner
from fer_core.cli import cli
for name in cli.list_commands(None):
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0, name
portrait = {str(PORTRAIT)!r}
arguments = ["analyze", portrait, "--csv", "t.csv", "--json", "--save", "out"]
for command in (arguments, ["models"], ["delete-all", "--yes"]):
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
result = fer_core.analyze(portrait)
result.draw("drawn.png")
assert fer_core.list_models()
print([name for name in {EXTRAS!r} if name in sys.modules])
"""
    env = {"PYTHONPATH": str(ROOT), "FER_HOME": str(tmp_path / "home")}
    done = run(["-P", "-c", code], tmp_path, **env)
    assert done.stdout.splitlines() == ["[]", "[]"], done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        ("pandas", ["video", "talk.mp4"], "'video' needs the package pandas"),
        ("streamlit", ["app"], "'app' needs the package streamlit"),
        pytest.param(
            "keras",
            ["dataset", "demo", "--audit"],
            "'dataset' needs the package keras",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_missing_extra_is_one_sentence(
    module: str, arguments: list[str], says: str, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"from fer_core.cli import main; main({arguments!r})"
    )
    env = {"PYTHONPATH": str(ROOT), "FER_HOME": str(tmp_path / "home")}
    done = run(["-c", code], tmp_path, **env)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert done.returncode == 1 and says in line and 'pip install "fer-core[' in line
    assert "Traceback" not in done.stderr


def test_the_former_name_of_a_command_works_and_names_the_new_one(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT), "FER_HOME": str(tmp_path)}
    done = run(["-m", "fer_core", "forget", "--yes"], tmp_path, **env)
    assert done.returncode == 0 and "0 saved sessions" in done.stdout
    assert done.stderr.splitlines() == [
        "'forget' is now 'delete-all'; the old name works for one more release."
    ]


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert examples
    (tmp_path / "photo.jpg").write_bytes(PORTRAIT.read_bytes())
    done = run(["-c", "\n".join(examples)], tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert "Happy" in done.stdout and (tmp_path / "annotated.png").is_file()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fresh_environment_is_light_and_analyses(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    (python,) = [*venv.glob("bin/python"), *venv.glob("Scripts/python.exe")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    files = [path for path in venv.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < 450e6
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    arguments = ["analyze", PORTRAIT, "--csv", "faces.csv", "--json"]
    done = subprocess.run(
        [python, "-m", "fer_core", *arguments],
        cwd=tmp_path,
        env=env | {"FER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert json.loads(done.stdout)[0]["faces"][0]["emotion"] == "Happy"
    with (tmp_path / "faces.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["emotion"] == "Happy" and float(row["happy"]) > 0.5


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("platform", ["win_amd64", "macosx_14_0_arm64"])
def test_everything_has_a_wheel_for(platform: str, tmp_path: Path) -> None:
    # A dry run resolves as "pip download" does, without fetching gigabytes.
    done = run(
        [
            *("-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"),
            *("--only-binary=:all:", "--python-version", "3.11", "--platform", platform),
            *("--target", str(tmp_path / "target"), "--report", str(tmp_path / "report.json")),
            *("-r", str(ROOT / "requirements.txt")),
        ],
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["install"]
    files = {
        one["metadata"]["name"].lower(): one["download_info"]["url"].rsplit("/")[-1]
        for one in found
    }
    system = platform.split("_")[0].removesuffix("osx")
    for name in ("tensorflow", "av", "ai-edge-litert", "opencv-python-headless", "numpy"):
        assert system in files[name] and files[name].endswith(".whl"), files[name]
