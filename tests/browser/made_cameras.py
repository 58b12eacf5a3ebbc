"""Cameras that a test makes and handles: busy, gone, silent, frozen, black, of any shape."""

import base64
import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import cv2
from playwright.sync_api import BrowserContext, Page

from fer_core.images import example_portrait

#: In the browser, `made.cameras` can be changed at any time, see :class:`MadeCamera`.
_SCRIPT = """
window.made = { cameras: CAMERAS, alone: false, streams: [], asked: [] };
const portrait = new Image();
portrait.src = PORTRAIT;
const fail = (name, message) => { throw new DOMException(message ?? name, name); };
const tracks = () => made.streams.flatMap((stream) => stream.getTracks());
const open = () => tracks().filter((track) => track.readyState === "live");

function draw(context, camera, count) {
  const { width, height, mode } = camera;
  if (mode === "silent") return;
  if (mode === "black") {
    context.fillStyle = "#000";
    return context.fillRect(0, 0, width, height);
  }
  const side = Math.min(width, height) * 0.9;
  const shift = mode === "frozen" ? 0 : Math.sin(count / 15) * side * 0.05;
  context.fillStyle = "#667";
  context.fillRect(0, 0, width, height);
  if (camera.edges) {
    const small = side / 3;
    for (const [x, y] of [[0, 0.5], [1, 0.5], [0.5, 0], [0.5, 1]])
      context.drawImage(portrait, x * (width - small), y * (height - small), small, small);
    context.fillRect(0, 0, 8 + (count % 2) * 8, 8);
  } else if (camera.pair) {
    const half = width / 2;
    for (const x of [shift, half + shift])
      context.drawImage(portrait, x, (height - half) / 2, half, half);
  } else context.drawImage(portrait, (width - side) / 2 + shift, (height - side) / 2, side, side);
}

// Whether the page showed a white screen so many milliseconds ago.
const screens = [];
let screen = null;
function lit(ago) {
  if (!screen?.isConnected) {
    const roots = [...document.querySelectorAll("*")].map((one) => one.shadowRoot);
    screen = roots.map((root) => root?.querySelector("#screen")).find(Boolean);
  }
  const now = performance.now();
  screens.push([now, Boolean(screen?.classList.contains("white"))]);
  while (screens.length > 1 && screens[1][0] <= now - ago) screens.shift();
  return screens[0][0] <= now - ago && screens[0][1];
}

function streamOf(camera) {
  const { width, height } = camera;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const stream = canvas.captureStream(30);
  const [track] = stream.getVideoTracks();
  let count = 0;
  const clock = setInterval(() => {
    if (track.readyState === "ended") clearInterval(clock);
    else {
      draw(context, camera, (count += 1));
      if (camera.sees >= 0 && lit(camera.sees)) {
        context.fillStyle = "rgb(255 255 255 / 0.2)";
        context.fillRect(0, 0, camera.width, camera.height);
      }
    }
  }, 33);
  Object.defineProperty(track, "label", { value: camera.label });
  track.getSettings = () => ({ width, height, deviceId: camera.id, frameRate: 30 });
  track.getCapabilities = () => ({ facingMode: camera.facing ? [camera.facing] : [] });
  made.streams.push(stream);
  return stream;
}

const { mediaDevices } = navigator;
mediaDevices.getUserMedia = async ({ video }) => {
  made.asked.push(video);
  await portrait.decode();
  if (made.wait) await made.wait;
  const { cameras } = made;
  const exact = video.deviceId?.exact;
  const wanted = cameras.find((c) => (exact ? c.id === exact : c.facing === video.facingMode)) ??
    (exact ? null : cameras[0]);
  if (!wanted) fail(exact ? "OverconstrainedError" : "NotFoundError");
  if (wanted.error) fail(...wanted.error.split(": "));
  if (made.alone && open().length) fail("NotReadableError");
  // As Chromium does: asked for both sides it cuts, asked for one it keeps the shape.
  const { width, height } = video;
  if (width?.ideal && height?.ideal) fail("TypeError", "this would cut the picture");
  return streamOf(wanted);
};
// Before a camera was opened, they have no names.
mediaDevices.enumerateDevices = async () =>
  made.cameras.map(({ id, label }) => ({
    kind: "videoinput",
    deviceId: made.streams.length ? id : "",
    label: made.streams.length ? label : "",
  }));
"""


@dataclass
class MadeCamera:
    """A camera of a made browser.

    Attributes:
        id: Its id.
        label: Its name.
        width: Of its picture in pixels.
        height: Of its picture in pixels.
        mode: ``moving``, ``frozen``, ``black``, or ``silent`` (no frames).
        error: Name of the error that opening it raises, and after a colon its message.
        facing: ``user``, ``environment`` or empty.
        edges: Show a face at each of the four edges instead of one in the middle.
        pair: Show two faces side by side.
        sees: Milliseconds after which the picture is brighter where the page shows a white
            screen; negative for a camera that does not see the page.
    """

    id: str = "one"
    label: str = "First camera"
    width: int = 640
    height: int = 480
    mode: str = "moving"
    error: str = ""
    facing: str = ""
    edges: bool = False
    pair: bool = False
    sees: int = -1


@lru_cache(maxsize=1)
def _portrait() -> str:
    small = cv2.cvtColor(example_portrait(), cv2.COLOR_RGB2BGR)
    content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def with_cameras(context: BrowserContext, *cameras: MadeCamera, **remembered: str) -> None:
    """Give the pages of a context these cameras in place of their own.

    Args:
        context: Of the browser.
        cameras: What it has.
        remembered: What the browser remembers: ``camera``, ``size``.
    """
    script = _SCRIPT.replace("CAMERAS", json.dumps([asdict(one) for one in cameras]))
    script = script.replace("PORTRAIT", json.dumps(_portrait()))
    names = {"camera": "fer:camera", "size": "fer:camera-size"}
    for name, value in remembered.items():
        script += f"localStorage.getItem({names[name]!r}) ?? "
        script += f"localStorage.setItem({names[name]!r}, {value!r});"
    context.add_init_script(f"(() => {{{script}}})()")


def change(page: Page, id_: str = "one", **changes: str) -> None:
    """Change a camera while the page uses it, or not; ``error=""`` makes it work again."""
    page.evaluate(
        "([id, changes]) => Object.assign(made.cameras.find((c) => c.id === id), changes)",
        [id_, changes],
    )
