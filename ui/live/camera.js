// The visitor's camera, for both ways of analysing it; goes before either's script.

const CAMERA = "fer:camera";

// { stream }, or { cause } where there is none.
async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) return { cause: "insecure" };
  const ask = (camera) =>
    navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        width: { ideal: 640 },
        height: { ideal: 480 },
        frameRate: { ideal: 30, max: 30 },
        ...(camera ? { deviceId: { exact: camera } } : { facingMode: "user" }),
      },
    });
  try {
    const known = remembered();
    try {
      return { stream: await ask(known) };
    } catch (error) {
      // The remembered camera is not there any more.
      if (!known || !["OverconstrainedError", "NotFoundError"].includes(error.name)) throw error;
      return { stream: await ask(null) };
    }
  } catch (error) {
    if (forbiddenByEmbedder(error)) return { cause: "embedded" };
    const causes = {
      NotAllowedError: "refused",
      SecurityError: "refused",
      NotFoundError: "absent",
      OverconstrainedError: "absent",
      NotReadableError: "busy",
      AbortError: "busy",
    };
    return { cause: causes[error.name] ?? "camera" };
  }
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

// Where there are several, offer them in `select`.
async function listCameras(select, stream) {
  const found = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "videoinput");
  const current = stream.getVideoTracks()[0]?.getSettings().deviceId;
  select.replaceChildren(
    ...found.map((d, i) => new Option(d.label || `Camera ${i + 1}`, d.deviceId, false, d.deviceId === current)),
  );
  select.parentElement.hidden = found.length < 2;
}

// Storage may be closed to us; then the camera is asked anew.
function remembered() {
  try {
    return localStorage.getItem(CAMERA);
  } catch {
    return null;
  }
}

function remember(camera) {
  try {
    localStorage.setItem(CAMERA, camera);
  } catch {}
}
