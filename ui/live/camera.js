// The visitor's camera, for both ways of analysing it: how it is opened, which states there
// are, and what is wrong with its frames. Nothing here touches the page; view.js does.

// ---- Opening ----

// The width that cameras are asked for. The height is left to the camera: a browser that is
// asked for both cuts the picture to their shape.
const WIDTHS = { auto: 1280, 480: 1280, 720: 1280, 1080: 1920 };
// Pixels that are analysed with the choice "auto".
const AREA = 640 * 480;
// Errors that say that this camera cannot be had; another one may.
const UNAVAILABLE = ["NotReadableError", "AbortError", "OverconstrainedError", "NotFoundError"];

// Open the camera of a wish { camera, facing, size }: `camera` is an id or null, `facing` is
// "user" or "environment". Where that camera is busy or gone, another one is tried unless
// `strict`. Returns { stream, instead } or { cause }; `instead` says why it is another one.
async function openCamera({ camera = null, facing = "user", size = "auto" }, strict = false) {
  const { mediaDevices } = navigator;
  if (!mediaDevices?.getUserMedia) return { cause: "insecure" };
  const ask = (which) =>
    mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: WIDTHS[size] }, resizeMode: "none", frameRate: { ideal: 30 }, ...which },
    });
  let failure;
  try {
    return { stream: await ask(camera ? { deviceId: { exact: camera } } : { facingMode: facing }) };
  } catch (error) {
    failure = error;
  }
  const cause = causeOf(failure);
  if (strict || !UNAVAILABLE.includes(failure.name)) return { cause };
  const others = (await listCameras()).map((d) => d.deviceId).filter((id) => id && id !== camera);
  const rest = others.map((id) => ({ deviceId: { exact: id } }));
  // Without the permission the others have no ids yet.
  if (camera && !rest.length) rest.push({ facingMode: facing });
  for (const which of rest) {
    try {
      return { stream: await ask(which), instead: cause === "busy" ? "instead_busy" : "instead_gone" };
    } catch (error) {
      if (!UNAVAILABLE.includes(error.name)) return { cause: causeOf(error) };
    }
  }
  return { cause };
}

async function listCameras() {
  const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return found.filter((device) => device.kind === "videoinput");
}

function causeOf(error) {
  if (forbiddenByEmbedder(error)) return "embedded";
  if (error.name === "NotAllowedError" && /system/i.test(error.message)) return systemCause();
  const causes = {
    NotAllowedError: "refused",
    SecurityError: "refused",
    NotFoundError: "absent",
    OverconstrainedError: "absent",
    NotReadableError: "busy",
    AbortError: "busy",
  };
  return causes[error.name] ?? "camera";
}

// Each system has the switch in a place of its own.
function systemCause() {
  const system = navigator.userAgentData?.platform || navigator.platform || "";
  if (/^win/i.test(system)) return "refused_windows";
  return /^mac/i.test(system) ? "refused_macos" : "refused_system";
}

// Whether the page that shows this one in a frame keeps the camera from it. A browser that
// cannot be asked (Firefox, Safari) refuses in the same way when the visitor said no.
function forbiddenByEmbedder(error) {
  if (window.self === window.top) return false;
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  return policy ? !policy.allowsFeature("camera") : error.name === "NotAllowedError";
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

// The size in which a picture of the camera is analysed: its whole view in its own shape, no
// larger than the choice allows.
function fit(width, height, size) {
  const scale = size === "auto" ? Math.sqrt(AREA / (width * height)) : size / Math.min(width, height);
  if (!(scale < 1)) return [width, height];
  return [width, height].map((side) => Math.max(2, 2 * Math.round((side * scale) / 2)));
}

// Storage may be closed to us; then the choice holds for this visit only.
const memory = {};

function remembered(name) {
  try {
    return localStorage.getItem(name) ?? memory[name] ?? null;
  } catch {
    return memory[name] ?? null;
  }
}

function remember(name, value) {
  memory[name] = value;
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {}
}

// ---- States ----

// What an event means in each phase. An event that is not named there means nothing, such as
// an answer that comes after Stop.
const PHASES = {
  off: { start: "asking" },
  asking: { opened: "connecting", fail: "failed", stop: "off" },
  connecting: { live: "on", fail: "failed", lose: "lost", stop: "off" },
  on: { fail: "failed", lose: "lost", stop: "off" },
  failed: { start: "asking" },
  lost: { start: "asking" },
};

class States {
  constructor(changed = () => {}) {
    Object.assign(this, { phase: "off", cause: null, turn: 0, changed });
  }

  get running() {
    return "stop" in PHASES[this.phase];
  }

  // Whether `turn`, which is one press of Start, is still going on.
  current(turn) {
    return this.running && turn === this.turn;
  }

  // Take an event of a turn. Returns whether it counted.
  take(event, turn = this.turn, cause = null) {
    const next = PHASES[this.phase][event];
    if (!next || turn !== this.turn) return false;
    if (event === "start") this.turn += 1;
    Object.assign(this, { phase: next, cause });
    this.changed();
    return true;
  }
}

// ---- Frames ----

const LATE_MS = 2500; // after which a sentence says what is missing
const DARK = 24; // a picture without a brighter pixel than this is black, 0 to 255

// Watches what comes from a camera. Times are milliseconds of one clock.
class FrameWatch {
  constructor(now) {
    Object.assign(this, { newest: now, changed: now, bright: now, before: null });
  }

  frame(now) {
    this.newest = now;
  }

  // Take a small copy of the picture, RGBA: a few times a second.
  sample(pixels, now) {
    const { before } = this;
    if (!before || pixels.length !== before.length || pixels.some((v, i) => v !== before[i])) this.changed = now;
    if (pixels.some((v, i) => i % 4 < 3 && v >= DARK)) this.bright = now;
    this.before = pixels;
  }

  // Begin again: after a time in which nothing could be seen.
  restart(now) {
    Object.assign(this, { newest: now, changed: now, bright: now });
  }

  // What is wrong, null where nothing is.
  trouble(now) {
    if (now - this.newest > LATE_MS) return "no_frames";
    if (now - this.bright > LATE_MS) return "black";
    return now - this.changed > LATE_MS ? "frozen" : null;
  }
}
