"""A table of pictures on disk that grows while they are read, and survives an interruption.

Rows go to ``NAME.partial`` beside the target as soon as a picture is read. Whatever ends the
program, they stay there, and the next call can go on after them.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from fer_core.errors import FerError
from fer_core.files import cannot_write, is_stream, partial_of, printable
from fer_core.table import columns, to_csv


class TableFile:
    """A CSV of pictures that grows; see :mod:`fer_core.table` for its columns.

    >>> with TableFile(Path("faces.csv"), constants={"model": "vgg"}) as table:  # doctest: +SKIP
    ...     table.add(analysis.to_columns())

    Leaving the block without an error renames the file to its target.

    Attributes:
        sources: The pictures of the interrupted call that need not be read again.
    """

    def __init__(
        self,
        path: Path,
        *,
        constants: Mapping[str, str],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Open the file; call :func:`fer_core.files.check_outputs` first.

        Args:
            path: The target; its folder is made. A named pipe is written to directly.
            constants: The values of ``model`` and ``class_prior`` in every row.
            resume: Go on with what an interrupted call left.
            overwrite: Begin anew where an interrupted call left something.

        Raises:
            FerError: There is a file of an interrupted call and neither is allowed; it was made
                with another model or class prior; or the file cannot be written.
        """
        self._path = path
        self._new = path if is_stream(path) else partial_of(path)
        self.sources: set[str] = set()
        kept = ""
        if self._new != path and self._new.exists() and self._new.stat().st_size:
            if resume:
                kept = self._read(constants)
            elif not overwrite:
                raise FerError(
                    f"{printable(self._new)} holds the results of an interrupted call: add "
                    "--resume to go on with it, or --overwrite to begin anew."
                )
        self._is_empty = not kept
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._new.open("wb")
            self._write(to_csv({name: [] for name in columns("pictures")}) + kept)
        except OSError as error:
            raise cannot_write(path, error) from error

    def _read(self, constants: Mapping[str, str]) -> str:
        """Note the finished pictures, and return the lines that hold them."""
        header, *rows = csv.reader(
            io.StringIO(self._new.read_text(encoding="utf-8", errors="replace"), newline="")
        )
        names = columns("pictures")
        if header != names:
            raise FerError(
                f"{printable(self._new)} is not the beginning of such a table: delete it, or add "
                "--overwrite to begin anew."
            )
        # The last picture may have been cut off in the middle: it is read again.
        finished = [row for row in rows if row[:1] != rows[-1][:1]]
        for row in finished:
            for name, expected in constants.items():
                if (said := row[names.index(name)]) != expected:
                    raise FerError(
                        f"{printable(self._new)} was made with the {name.replace('_', ' ')} "
                        f"{said}, and this call has {expected}: choose the same, or add "
                        "--overwrite to begin anew."
                    )
        self.sources = {row[0].removeprefix("'") for row in finished}
        kept = io.StringIO(newline="")
        csv.writer(kept, lineterminator="\n").writerows(finished)
        return kept.getvalue()

    def add(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Write the rows of one picture.

        Args:
            rows: See :meth:`fer_core.analysis.Analysis.to_columns`.

        Raises:
            FerError: The file cannot be written.
        """
        _, _, lines = to_csv(rows).partition("\n")
        self._is_empty = False
        try:
            self._write(lines)
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _write(self, text: str) -> None:
        self._file.write(text.encode())
        self._file.flush()

    def __enter__(self) -> "TableFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if self._new == self._path:
            return
        try:
            if kind is None:
                self._new.replace(self._path)
            elif self._is_empty:
                self._new.unlink(missing_ok=True)  # there is nothing to go on with
        except OSError as error:
            raise cannot_write(self._path, error) from error
