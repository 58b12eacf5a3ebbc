"""How each detector's boxes lie relative to FER2013's framing.

The figures are in ``framing.json``, which ``python -m benchmarks.framing``
measures and writes.
"""

import json
from pathlib import Path
from typing import Final

from fer_core.faces.base import Framing

FILE: Final = Path(__file__).with_name("framing.json")
FRAMINGS: Final = {
    name: Framing(**row) for name, row in json.loads(FILE.read_text(encoding="utf-8")).items()
}
