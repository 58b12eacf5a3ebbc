"""A visitor's camera, through WebRTC: the browser's half is ``link.js``, the
server's is streamlit-webrtc's worker with a frame callback.

streamlit-webrtc's own browser half tells Python neither that a camera was refused nor
why a connection does not come up, so this one does.
"""

import gc
import json
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import av
import streamlit as st
from aiortc import RTCConfiguration, RTCIceServer
from streamlit_webrtc import WebRtcMode, WebRtcWorker

from fer_core.live import LiveOptions, LiveSession
from fer_core.settings import settings
from ui.common.component import nothing
from ui.live import beside, saving, stage
from ui.live.causes import SENTENCES
from ui.live.recording import Recording, recording

log = logging.getLogger(__name__)

# What is loaded by now stays. Left out of collections, these are short enough not to hold
# the video up (0.1 s without).
gc.collect()
gc.freeze()

_COMPONENT: Final = st.components.v2.component(
    "fer_live_link",
    html=stage.html('<video id="source" autoplay muted playsinline aria-hidden="true"></video>'),
    css=stage.CSS,
    js=stage.way("link.js"),
)


#: Seconds without a result after which a sentence says so, and those that a model may load.
LATE: Final = 2.0
LOAD_LIMIT: Final = 60.0
#: Seconds from the end of a connection, by which its threads have ended, to a collection.
COLLECT_AFTER: Final = 5.0


class LiveLink:
    """One visitor's connection, kept in the session: a worker while frames flow."""

    #: Seconds after which what the server found is to be shown anew.
    pace: float | None = 0.5

    def __init__(self, recording: Recording) -> None:
        self.session = LiveSession(record=recording.record, start=recording.start)
        self.phase = "off"
        self.cause: str | None = None
        #: What is wrong while the camera is on, see :data:`ui.live.causes.SENTENCES`.
        self.trouble: str | None = None
        #: Frames a second that arrived back in the browser, by its own count.
        self.fps: float | None = None
        #: Whether the video goes through a relay.
        self.relay = False
        self._worker: WebRtcWorker | None = None
        self._attempt: int | None = None
        self._answer: str | None = None
        self._error = False

    @property
    def model(self) -> str | None:
        """Name of the model that reads the faces."""
        return self.session.options.model

    @property
    def detector(self) -> str:
        """Name of the detector that finds them."""
        return self.session.options.detector

    @property
    def on(self) -> bool:
        """Return whether frames are flowing."""
        return self.phase == "on"

    def show(self) -> None:
        """Show the video, and follow what the browser reports. In a fragment."""
        report = stage.reported("live_link")
        before = self.phase
        self._apply(report)
        beside.take(report)
        saving.record_with(report)
        record = self.session.record
        _COMPONENT(
            key="live_link",
            data={
                "iceServers": _servers(),
                "icePolicy": settings().ice_policy,
                "attempt": self._attempt,
                "answer": self._answer,
                "error": self._error,
                "sentences": SENTENCES,
                # How many frames have reached the server, while it matters.
                "frames": self.session.frames if self.on else None,
                "late": self._late() if self.on else None,
                "hide": self.session.options.hide,
                # Seconds since the recording's time 0.
                "elapsed": self.session.now() - record.began
                if record.recording and record.began is not None
                else None,
                **saving.about_file(),
                **beside.about_page(),
            },
            on_report_change=nothing,
        )
        if self.phase != before:
            st.rerun()

    def leave(self) -> None:
        """Let go of the connection: the visitor chose the other way."""
        self._stop()
        self.phase, self.trouble = "off", None

    def _apply(self, report: dict[str, Any]) -> None:
        self.phase, self.cause = report["phase"], report["cause"]
        self.trouble = report["trouble"]
        self.fps, self.relay = report["fps"], bool(report.get("relay"))
        attempt, offer = report.get("attempt"), report.get("offer")
        if self.phase == "connecting" and isinstance(attempt, int) and isinstance(offer, dict):
            if attempt != self._attempt:
                self._stop()
                self._answer_offer(attempt, offer)
            candidates = report.get("candidates")
            if (worker := self._worker) is not None and isinstance(candidates, dict):
                worker.set_ice_candidates_from_offerer(candidates)
        elif self.phase != "on":
            self._stop()

    def _late(self) -> str | None:
        """Return the sentence to show where frames come and no result does."""
        seconds, loading = self.session.waiting()
        if seconds < LATE or self.session.error:
            return None
        if not loading:
            return "late"
        return "loading" if seconds < LOAD_LIMIT else "load_long"

    def _answer_offer(self, attempt: int, offer: dict[str, str]) -> None:
        self._attempt, self._answer, self._error = attempt, None, False
        try:
            worker = self._worker = _worker(self._frame, self._ended)
            worker.process_offer(offer["sdp"], offer["type"], timeout=10)
            answer = worker.local_description
            self._answer = json.dumps({"sdp": answer.sdp, "type": answer.type})
            self.session.open()
        except Exception:
            # Whatever it is, the visitor gets a sentence and the log the details.
            log.exception("the video connection could not be opened")
            self._error = True
            self._stop()

    def _frame(self, frame: av.VideoFrame) -> av.VideoFrame:
        shown = self.session.frame(frame.to_ndarray(format="rgb24"))
        return av.VideoFrame.from_ndarray(shown, format="rgb24")

    def _ended(self) -> None:
        self._worker = None  # it stops by itself
        self.session.close()
        _collect_soon()

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            _collect_soon()
        self.session.close()


def _collect_soon() -> None:
    """Collect what a worker leaves: its event loop holds file descriptors until then."""
    timer = threading.Timer(COLLECT_AFTER, gc.collect)
    timer.daemon = True
    timer.start()


def _worker(
    on_frame: Callable[[av.VideoFrame], av.VideoFrame], on_ended: Callable[[], None]
) -> WebRtcWorker:
    return WebRtcWorker(
        mode=WebRtcMode.SENDRECV,
        # Given even when empty: without, a third party's server would be asked.
        rtc_configuration=RTCConfiguration([RTCIceServer(**server) for server in _servers()]),
        source_video_track=None,
        source_audio_track=None,
        sink_video_track=None,
        sink_audio_track=None,
        player_factory=None,
        in_recorder_factory=None,
        out_recorder_factory=None,
        video_frame_callback=on_frame,
        audio_frame_callback=None,
        queued_video_frames_callback=None,
        queued_audio_frames_callback=None,
        on_video_ended=on_ended,
        on_audio_ended=None,
        video_processor_factory=None,
        audio_processor_factory=None,
        async_processing=True,
        video_receiver_size=4,
        audio_receiver_size=4,
        sendback_video=True,
        sendback_audio=False,
    )


def _servers() -> list[dict[str, Any]]:
    return [server.model_dump(exclude_none=True) for server in settings().ice_servers]


def live_link(options: LiveOptions) -> LiveLink:
    """Return the connection of the visitor, with the options they chose."""
    link = st.session_state.setdefault("live", LiveLink(recording()))
    link.session.options = options
    return link
