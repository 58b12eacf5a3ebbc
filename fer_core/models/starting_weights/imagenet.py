"""The files of ``keras.applications`` with weights learned on ImageNet.

Such a file is looked for where all weights are and among what Keras has fetched before. Only
where it is in none of these places, it is fetched by Keras, from where Keras itself would fetch
it; before that a sentence says from where and how large it is. Proxies are those that the
environment names (``HTTPS_PROXY``, ``NO_PROXY``). Every file is compared with the checksum that
Keras knows.
"""

import hashlib
import os
import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fer_core.errors import ModelError
from fer_core.models.starting_weights.sources import search
from fer_core.settings import settings

_FROM: Final = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class Application:
    """A network of ``keras.applications`` and its file without the last layers.

    Attributes:
        builder: Name of the function in ``keras.applications``.
        folder: Where the file lies below the address of all of them.
        prefix: How the file's name begins.
        md5: The checksum that Keras knows.
        size: In bytes.
    """

    builder: str
    folder: str
    prefix: str
    md5: str
    size: int

    @property
    def file(self) -> str:
        """Return the file's name."""
        return f"{self.prefix}_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @property
    def url(self) -> str:
        """Return where the file is fetched from."""
        return f"{_FROM}/{self.folder}/{self.file}"


#: By the name of our architecture.
APPLICATIONS: Final[dict[str, Application]] = {
    "vgg16": Application(
        "VGG16", "vgg16", "vgg16", "6d6bbae143d832006294945121d1f1fc", 58_889_256
    ),
    "vgg19": Application(
        "VGG19", "vgg19", "vgg19", "253f8cb515780f3b799900260a226db6", 80_134_624
    ),
    "resnet50": Application(
        "ResNet50", "resnet", "resnet50", "4d473c1dd8becc155b73f8504c6f6626", 94_765_736
    ),
    "inception_v3": Application(
        "InceptionV3", "inception_v3", "inception_v3", "bcbd6486424b2319ff4ef7d526e38f63",
        87_910_968,
    ),
}  # fmt: skip


def application(architecture: str) -> Application:
    """Return the network of ``keras.applications`` that is our ``architecture``.

    Raises:
        ModelError: There is none.
    """
    if architecture not in APPLICATIONS:
        known = ", ".join(APPLICATIONS)
        raise ModelError(f"keras.applications has no weights for {architecture}, only for {known}.")
    return APPLICATIONS[architecture]


def find(architecture: str) -> Path | None:
    """Return the file for an architecture, if it is on this machine, after checking it.

    Raises:
        ModelError: ``keras.applications`` has no such network, or the file is another one.
    """
    wanted = application(architecture)
    path = search(wanted.file)
    if path:
        check_file(path)
        return path
    # What Keras left behind when it was interrupted it fetches again.
    fetched = _keras_folder() / wanted.file
    return fetched if fetched.is_file() and _md5_of(fetched) == wanted.md5 else None


def check_file(path: Path) -> None:
    """Check that a file with the name of one of ``keras.applications`` is that file.

    Raises:
        ModelError: It is another one, perhaps cut short.
    """
    wanted = next((one for one in APPLICATIONS.values() if one.file == path.name), None)
    if wanted is None:
        return
    try:
        found = _md5_of(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    if found != wanted.md5:
        raise ModelError(
            f"{path} is not the file that Keras publishes, perhaps cut short: its MD5 is {found} "
            f"instead of {wanted.md5}. Fetch it again from {wanted.url}, or give your own file "
            "another name."
        )


def announcement(architecture: str) -> str | None:
    """Return what to say before a file is fetched; ``None`` where it is here.

    Raises:
        ModelError: See :func:`find`.
    """
    if find(architecture):
        return None
    wanted = application(architecture)
    return (
        f"{wanted.file} ({wanted.size / 1e6:.0f} MB) is fetched from {wanted.url} into "
        f"{_own_folder()}; proxies are those of HTTPS_PROXY. To fetch it by hand instead, put it "
        f"there; its MD5 is {wanted.md5}."
    )


def fetch(architecture: str) -> Path:
    """Return the file for an architecture, fetched by Keras where it is not here.

    Its progress goes to standard error.

    Raises:
        ModelError: It cannot be fetched, is another file, or there is none.
    """
    if path := find(architecture):
        return path
    import keras

    wanted, folder = application(architecture), _own_folder()
    incoming = folder / ".incoming"
    try:
        # A process may be ended while it fetches, and half a file must not be found later.
        with redirect_stdout(sys.stderr):
            found = keras.utils.get_file(
                wanted.file,
                wanted.url,
                cache_dir=_made(folder),
                cache_subdir=incoming.name,
                file_hash=wanted.md5,
            )
        path = folder / wanted.file
        Path(found).replace(path)
        return path
    except Exception as error:  # no network, a proxy that refuses, a checksum that differs
        reason = " ".join(str(error).split()).rstrip(".")
        raise ModelError(
            f"{wanted.file} could not be fetched: {reason}. Check the network and HTTPS_PROXY, or "
            f"put {wanted.file} from {wanted.url} into {folder}."
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _own_folder() -> Path:
    return settings().home / "weights"


def _made(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _keras_folder() -> Path:
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home.expanduser() / "models"


def _md5_of(path: Path) -> str:
    found = path.stat()
    return _md5(path, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=20)
def _md5(path: Path, stamp: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
