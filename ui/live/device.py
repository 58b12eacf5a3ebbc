"""A visitor's camera, analysed in their own browser: its half is ``device.js`` and the
worker of ``ui/device``. Pictures stay there; numbers come here.
"""

import hashlib
import logging
from functools import lru_cache
from typing import Any, Final

import streamlit as st

from fer_core import drawing
from fer_core.class_prior import Correction, parse
from fer_core.classifier import load_classifier
from fer_core.emotions import COLORS, EMOTIONS, rgb
from fer_core.errors import FerError
from fer_core.faces import blazeface
from fer_core.faces.framing import FRAMINGS
from fer_core.live import LiveOptions, session
from fer_core.live.remote import RemoteSession
from fer_core.preprocess import CROP_SIZE, LUMA
from fer_core.tracking import detector, motion, smoothing, tracker
from ui.common.component import nothing
from ui.common.controls import Only
from ui.live import beside, saving, stage
from ui.live.causes import SENTENCES
from ui.live.recording import Recording, recording
from ui.services.models import ModelFolder, find_model, labels

log = logging.getLogger(__name__)

#: What runs where the chosen model is an ensemble, from elsewhere, or larger than this many
#: bytes: a browser keeps up with a camera with `fast` (9 ms a face), not with `vgg` (40 ms).
SMALL: Final = "fast"
_LIMIT: Final = 2_500_000

_COMPONENT: Final = st.components.v2.component(
    "fer_live_device",
    html=stage.html(
        "<canvas></canvas>",
        '<button id="snapshot" type="button" disabled>Snapshot</button>',
    ),
    css=stage.CSS,
    js=stage.way("device.js"),
)

# The numbers that ui/device works with are the library's own; behind "=" stands the library's name
# of one that has another name there.
_NUMBERS: Final = {
    blazeface: "SUSPECT CLEAR LOOK=CROP_SCORE NOTHING LIKELY MAX_LOOKS=MAX_CROP_PASSES OVERLAP "
    "FIRST_ZOOM SECOND_ZOOM SURE UNSURE DETAIL DETAIL_SIZE DECIDED",
    detector: "MOMENT=DETECT_EVERY",
    motion: "PLACE_NOISE SIZE_NOISE PLACE_DRIFT SIZE_DRIFT PLACE_SPEED SIZE_SPEED FADE",
    tracker: "KEEP=RETENTION PAUSE GATE",
    smoothing: "LEAD PATIENCE",
}

# How the library hides a face.
_HIDDEN: Final = {
    "seconds": session.HIDDEN,
    "margin": drawing.HIDDEN_MARGIN,
    "blocks": drawing.HIDDEN_BLOCKS,
}


def fixed() -> dict[str, Any]:
    """Return what the worker is told of the library: sizes, limits, how BlazeFace frames."""
    numbers = {
        name: getattr(module, ours or name)
        for module, names in _NUMBERS.items()
        for name, _, ours in (one.partition("=") for one in names.split())
    }
    framing = FRAMINGS[blazeface.BlazeFaceDetector.name]
    return {"k": numbers, "framing": vars(framing), "size": CROP_SIZE, "luma": LUMA}


class DeviceLink:
    """One visitor's device, kept in the session, with all that :class:`LiveLink` has."""

    #: No relay, since no video is sent.
    relay = False
    #: The browser's reports come by themselves.
    pace: float | None = None

    def __init__(self, recording: Recording) -> None:
        self.session = RemoteSession(
            SMALL,
            blazeface.BlazeFaceDetector.name,
            recording.record,
            start=recording.start,
        )
        self.options = LiveOptions()
        self.correction = Correction()
        self.files: dict[str, str] = {}
        self.phase = "off"
        self.cause: str | None = None
        #: What is wrong while the camera is on, see :data:`ui.live.causes.SENTENCES`.
        self.trouble: str | None = None

    @property
    def model(self) -> str:
        """Name of the model that reads the faces."""
        return self.session.model

    @property
    def detector(self) -> str:
        """Name of the detector that finds them."""
        return self.session.detector

    @property
    def on(self) -> bool:
        """Return whether frames are analysed."""
        return self.phase == "on"

    @property
    def fps(self) -> float:
        """Return frames a second that the camera gives."""
        return self.session.stats().frames

    def show(self) -> None:
        """Show the video, and take what the browser reports. In a fragment."""
        report = stage.reported("live_device")
        before = self.phase
        self.session.take(report)
        self.phase, self.cause = report["phase"], report["cause"]
        self.trouble = report["trouble"]
        beside.take(report)
        saving.record_with(report)
        options = self.options
        _COMPONENT(
            key="live_device",
            data={
                "files": self.files,
                "fixed": fixed(),
                "emotions": _emotions(),
                "mirror": options.mirror,
                "labels": options.labels,
                "hide": options.hide,
                "hiding": _HIDDEN,
                "largest": options.largest,
                "smoothing": options.smoothing,
                "prior": vars(self.correction),
                "unsureBelow": options.unsure_below,
                "ack": self.session.ack,
                "clock": self.session.clock,
                **saving.about_file(),
                **beside.about_page(),
                "sentences": SENTENCES,
            },
            on_report_change=nothing,
        )
        if self.phase != before:
            st.rerun()

    def leave(self) -> None:
        """Wait for no more reports: the visitor chose the other way."""
        self.phase, self.trouble = "off", None


def device_link(options: LiveOptions) -> DeviceLink:
    """Return the visitor's device, with the options they chose."""
    link = st.session_state.setdefault("live_own", DeviceLink(recording()))
    link.options = options
    link.session.model = model_for(options.model).name
    link.correction = correction_for(link.session.model, options.class_prior)
    link.session.class_prior = link.correction.class_prior
    link.files = files(link.session.model)
    return link


def only() -> Only:
    """Return the models that run in a browser, the small one first."""
    names = [SMALL, *(name for name in labels() if name != SMALL and model_for(name).name == name)]
    return Only(
        names,
        blazeface.BlazeFaceDetector.name,
        "On this device BlazeFace finds the faces: the others do not run in a browser.",
    )


def model_for(name: str | None) -> ModelFolder:
    """Return the model that runs in the browser where ``name`` is chosen."""
    if name:
        folder = find_model(name)
        # Nothing limits what a model from elsewhere does in a visitor's browser.
        if not folder.imported and folder.ensemble() is None and folder.served_bytes() <= _LIMIT:
            return folder
    return find_model(SMALL)


def correction_for(model: str, class_prior: str | None) -> Correction:
    """Return what the browser applies to the probabilities of a model.

    The visitor chose the prior for another model perhaps: where this one cannot have it, its
    answers are as trained, and the results say so.
    """
    try:
        return load_classifier(model, parse(class_prior)).correction
    except FerError:
        return Correction()


def available() -> bool:
    """Return whether all that a browser needs is served; the log says what is missing."""
    if not st.get_option("server.enableStaticServing"):
        return False
    try:
        runtime_files()
        networks(SMALL)
    except (FerError, OSError) as error:
        log.warning("Nothing can be analysed on visitors' own devices: %s", error)
        return False
    return True


def files(model: str) -> dict[str, str]:
    """Return where a browser finds what it needs, relative to the app's address.

    The networks are handed to Streamlit, which serves them from memory for as long as this
    session shows the page. Every address changes with the content, so that browsers may keep it.
    """
    media = st.runtime.get_instance().media_file_mgr
    served = {
        name: media.add(
            content,
            "application/octet-stream",
            coordinates=f"live_device.{name}",
            # Streamlit's own checksum of a large file leaves most of it out.
            file_name=hashlib.sha256(content).hexdigest(),
        ).lstrip("/")
        for name, content in networks(model).items()
    }
    return runtime_files() | served


def runtime_files() -> dict[str, str]:
    """Return where a browser finds the worker and LiteRT, relative to the app's address."""
    names = {"worker": "worker.js", "script": "litert.js", "wasm": "litert.wasm.gz"}
    return {name: stage.served(file) for name, file in names.items()}


def networks(model: str) -> dict[str, bytes]:
    """Return the detector's two networks, ``search`` and ``look``, and the ``model``.

    Raises:
        FerError: A file is missing, or not the one it should be.
    """
    card = find_model(model).card
    return _networks(model, card.exported, card.files[card.exported])


# A file is compared with its card once.
@lru_cache(maxsize=8)
def _networks(name: str, exported: str, _checksum: str) -> dict[str, bytes]:
    search, crop = blazeface.read_models()
    model = find_model(name).checked(exported).read_bytes()
    return {"search": search, "look": crop, "model": model}


@lru_cache(maxsize=1)
def _emotions() -> list[dict[str, str]]:
    inks = {e: "#{:02x}{:02x}{:02x}".format(*drawing.ink(rgb(e))) for e in EMOTIONS}
    return [{"name": e, "color": COLORS[e], "ink": inks[e]} for e in EMOTIONS]
