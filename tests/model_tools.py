"""Models that tests make of those that ship, without training anything."""

import hashlib
import json
import shutil
from pathlib import Path

from fer_core.models.catalogue import find_model

#: Settings of a network that is trained in a second.
TINY = {
    "model": "vgg",
    "model_options": {"widths": [4, 6], "convolutions": [1, 1], "dense": []},
    "data": "demo",
    "epochs": 1,
    "batch_size": 32,
    "schedule": "constant",
}


def copy_of_shipped(models: Path, name: str, **card: object) -> str:
    """Put a model like one that was trained here into ``models``, and return its name.

    It predicts what mini-Xception predicts, but its file is its own: LiteRT ignores what
    follows the network, here the name.
    """
    folder = models / name
    shutil.copytree(find_model("mini_xception").path, folder)
    with (folder / "model.tflite").open("ab") as file:
        file.write(name.encode())
    content = (folder / "model.tflite").read_bytes()
    old = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    old["files"]["model.tflite"] = hashlib.sha256(content).hexdigest()
    old["sizes"]["model.tflite"] = len(content)
    text = json.dumps(old | {"name": name} | card)
    (folder / "card.json").write_text(text, encoding="utf-8")
    return name
