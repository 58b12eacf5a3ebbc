"""Reading PyTorch's state files (``.pth``) as NumPy arrays, without PyTorch.

Such a file is a pickle, and a pickle can run whatever it likes. This reader knows tensors,
their storages and ``OrderedDict``, and refuses everything else.
"""

import collections
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from fer_core.errors import ModelError

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TYPES: Final = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


@dataclass(frozen=True)
class _Tensor:
    """A part of a storage; its numbers come later in the file."""

    key: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, storage: bytes) -> np.ndarray:
        numbers = np.frombuffer(storage, self.dtype)[self.offset :]
        size = self.dtype.itemsize
        last = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if last >= len(numbers):
            raise ValueError("a tensor reaches beyond its storage")
        view = np.lib.stride_tricks.as_strided(
            numbers, self.shape, [step * size for step in self.stride]
        )
        return view.copy()


def _rebuild(
    storage: tuple[str, np.dtype], offset: int, shape: Any, stride: Any, *_: Any
) -> _Tensor:
    key, dtype = storage
    return _Tensor(key, dtype, offset, tuple(shape), tuple(stride))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state file")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        _, dtype, key, *_ = pid
        return key, dtype


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state file by name.

    Args:
        path: as ``torch.save(model.state_dict(), path)`` leaves it, in the format of
            today (a zip archive) or of before 1.6.

    Raises:
        ModelError: the file holds something else.
    """
    try:
        with path.open("rb") as file:
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            tensors, storages = _from_zip(file) if zipped else _from_stream(file)
        return {
            name: tensor.of(storages[tensor.key])
            for name, tensor in tensors.items()
            if isinstance(tensor, _Tensor)
        }
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path.name} is no PyTorch state file: {error}.") from error
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.name} is no PyTorch state file: {error}.") from error


def _from_zip(file: BinaryIO) -> tuple[dict, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(index) as pickled:
            tensors = _Unpickler(pickled).load()
        root = index.removesuffix("data.pkl")
        keys = {tensor.key for tensor in tensors.values() if isinstance(tensor, _Tensor)}
        return tensors, {key: archive.read(f"{root}data/{key}") for key in keys}


def _from_stream(file: BinaryIO) -> tuple[dict, dict[str, bytes]]:
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("another kind of file")
    _Unpickler(file).load()  # the protocol
    _Unpickler(file).load()  # the machine that wrote it
    tensors = _Unpickler(file).load()
    sizes = {t.key: t.dtype.itemsize for t in tensors.values() if isinstance(t, _Tensor)}
    storages = {}
    for key in _Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        storages[key] = file.read(count * sizes[key])
    return tensors, storages
