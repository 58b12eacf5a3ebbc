"""A visitor without a browser, who may be hostile: it speaks Streamlit's protocol itself.

So it can send what no page offers: invented cookies, files at its own addresses, values of
widgets that are not on the page, and reports of a camera that are nonsense.
"""

import http.client
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect


def new_key() -> str:
    """A cookie as the app makes them, invented."""
    return secrets.token_hex(16)


@dataclass
class Visitor:
    """One visit to the app.

    >>> with Visitor(app.url) as visitor:
    ...     visitor.run("images")
    ...     visitor.put(b"…", "photo.jpg")

    Attributes:
        url: Of the app.
        key: The cookie by which the app knows the browser; "" for none.
        elements: What the latest run put on the page, as Streamlit describes it.
        widgets: The values of widgets, sent with every run, by their ids.
    """

    url: str
    key: str = field(default_factory=new_key)
    elements: list[Any] = field(default_factory=list)
    widgets: dict[str, WidgetState] = field(default_factory=dict)
    session: str = ""

    def __enter__(self) -> "Visitor":
        self._xsrf = self._token()
        self._wire: ClientConnection = connect(
            f"{self.url.replace('http', 'ws')}/_stcore/stream",
            additional_headers={"Cookie": self._cookie()},
            max_size=None,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    def run(self, page: str = "", seconds: float = 60.0, *, wait: bool = True) -> list[Any]:
        """Let Python run a page with the widgets as they are; returns what it shows."""
        state = ClientState(page_name=page)
        state.widget_states.widgets.extend(self.widgets.values())
        self.send(BackMsg(rerun_script=state))
        if wait:
            self.elements = self.listen(seconds)
        return self.elements

    def send(self, message: BackMsg | bytes) -> None:
        """Send a message, or bytes that are none."""
        self._wire.send(message if isinstance(message, bytes) else message.SerializeToString())

    def listen(self, seconds: float = 60.0) -> list[Any]:
        """What a run shows, until it has ended."""
        end, shown = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            message = ForwardMsg.FromString(self._wire.recv(left))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session, shown = message.new_session.initialize.session_id, []
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                shown.append(message.delta.new_element)
            elif (
                kind == "script_finished"
                and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                return shown
        raise TimeoutError("the page takes too long")

    def find(self, kind: str, label: str = "") -> Any:
        """The first element of a kind, such as ``button``, with a label."""
        for element in self.elements:
            if element.WhichOneof("type") == kind:
                found = getattr(element, kind)
                if not label or label in (getattr(found, "label", ""), getattr(found, "name", "")):
                    return found
        raise LookupError(f"no {kind} '{label}': {self.words()}")

    def words(self) -> str:
        """All that the page says."""
        said = []
        for element in self.elements:
            kind = element.WhichOneof("type")
            if kind in ("markdown", "alert", "exception", "heading"):
                found = getattr(element, kind)
                said.append(getattr(found, "body", "") or getattr(found, "message", ""))
        return "\n".join(said)

    def click(self, widget: str, page: str, *, wait: bool = True) -> list[Any]:
        """Click a button by its id, whether it is on the page or not."""
        self.widgets[widget] = WidgetState(id=widget, trigger_value=True)
        try:
            return self.run(page, wait=wait)
        finally:
            del self.widgets[widget]

    def report(self, widget: str, values: Any) -> None:
        """Let a component report values to Python, as any JSON."""
        self.widgets[widget] = WidgetState(id=widget, json_value=json.dumps(values))

    def give(self, widget: str, *files: tuple[str, str, int]) -> None:
        """Tell an uploader that it holds files: their ids, names and sizes."""
        state = WidgetState(id=widget)
        for file, name, size in files:
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.file_id, info.name, info.size = file, name, size
            info.file_urls.file_id = file
        self.widgets[widget] = state

    def put(self, content: bytes, name: str = "x.png", *, chunked: bool = False) -> tuple[int, str]:
        """Send a file to the upload route; returns the status of the answer and the file's id."""
        file, mark = secrets.token_hex(8), secrets.token_hex(8)
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "X-Xsrftoken": self._xsrf,
            "Cookie": self._cookie(),
        }
        split = urlsplit(self.url)
        line = http.client.HTTPConnection(split.hostname, split.port, timeout=60)
        path = f"{split.path}/_stcore/upload_file/{self.session}/{file}"
        pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
        try:
            line.request("PUT", path, pieces if chunked else body, headers, encode_chunked=chunked)
            return line.getresponse().status, file
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            return 0, file  # cut off while it was still sending
        finally:
            line.close()

    def _cookie(self) -> str:
        parts = [f"_streamlit_xsrf={self._xsrf}"]
        return "; ".join([*parts, f"fer_key={self.key}"] if self.key else parts)

    def _token(self) -> str:
        split = urlsplit(self.url)
        line = http.client.HTTPConnection(split.hostname, split.port, timeout=60)
        line.request("GET", f"{split.path}/_stcore/health")
        found = line.getresponse().getheader("Set-Cookie") or ""
        line.close()
        return found.partition("_streamlit_xsrf=")[2].partition(";")[0]
