// The live view on the visitor's own device: the camera (camera.js), a worker that
// analyses its frames (ui/device/), boxes and labels over the video. No picture leaves this
// script; what Python gets is one value, `report`, twice a second:
// { phase, cause, run, now, wall, width, height, first, results, stats }, see
// fer_core/live/remote.py. Results are sent until Python says that it has them.
// phase: off | asking | connecting | on | failed | lost

const REPORT_MS = 500;
const PATIENCE_MS = 2000; // within which a busy server is asked for nothing new
const MOST = 100; // faces and empty frames in one report; after an outage the rest follows
const KEPT = 20000; // the same while Python does not answer: ten minutes of one face
const UNIT = 10000; // fer_core/live/remote.py
const STALE_MS = 5000; // a result older than that is not drawn

const devices = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let device = devices.get(parentElement);
  const fresh = !device;
  if (fresh) devices.set(parentElement, (device = new Device(parentElement)));
  device.tell = (report) => setStateValue("report", report);
  device.take(data);
  // Back on this page: what Python remembers is an earlier visit.
  if (fresh && data.ack.run) device.report();
  return () => {
    device.leave();
    removeEventListener("pagehide", device.leave);
    devices.delete(parentElement);
  };
}

class Device {
  constructor(root) {
    this.video = root.querySelector("video");
    this.canvas = root.querySelector("canvas");
    this.note = root.querySelector("#note");
    this.button = root.querySelector("#start");
    this.snapshotButton = root.querySelector("#snapshot");
    this.cameras = root.querySelector("#camera");
    this.phase = "off";
    this.run = null;
    this.began = performance.now();
    this.results = [];
    this.first = 0;
    this.meters = { frames: [], results: [], delays: [] };
    this.button.onclick = () => (this.running() ? this.stop() : this.start());
    this.button.disabled = false; // before, a click would not be heard
    this.snapshotButton.onclick = () => this.snapshot();
    this.cameras.onchange = () => {
      remember(this.cameras.value);
      if (this.running()) this.switchCamera();
    };
    this.leave = () => {
      this.release();
      clearInterval(this.clock);
      this.worker?.terminate();
      this.worker = null;
    };
    this.clock = setInterval(() => {
      const waiting = this.told > this.heard && performance.now() - this.told < PATIENCE_MS;
      if (!waiting && (this.phase === "on" || this.results.length)) this.report();
    }, REPORT_MS);
    addEventListener("pagehide", this.leave);
    this.show();
  }

  running() {
    return ["asking", "connecting", "on"].includes(this.phase);
  }

  // What Python says: options, files, and which results it has.
  take(data) {
    const files = JSON.stringify(data.files);
    this.data = data;
    this.heard = performance.now();
    this.video.classList.toggle("mirrored", data.mirror);
    if (this.worker && files !== this.files) this.load(); // another model was chosen
    this.draw();
    if (data.ack.run !== this.run) return;
    this.results.splice(0, Math.max(0, data.ack.next - this.first));
    this.first = Math.max(this.first, data.ack.next);
    if (this.owing) this.report();
  }

  async start() {
    this.release();
    const turn = (this.turn = {});
    this.enter("asking");
    const { stream, cause } = await openCamera();
    if (this.turn !== turn) return stop(stream); // stopped or started again meanwhile
    if (!stream) return this.fail(cause);
    Object.assign(this, { run: Date.now(), began: performance.now(), results: [], first: 0, result: null });
    for (const name of Object.keys(this.meters)) this.meters[name] = [];
    this.keep(stream);
    this.enter("connecting");
    if (!this.worker) this.load();
    this.follow();
  }

  // Another camera; the old one first: phones open one at a time.
  async switchCamera() {
    const { turn } = this;
    stop(this.stream);
    const { stream, cause } = await openCamera();
    if (this.turn !== turn) return stop(stream);
    if (!stream) return this.fail(cause);
    this.keep(stream);
  }

  keep(stream) {
    this.stream = stream;
    this.video.srcObject = stream;
    stream.getVideoTracks()[0].onended = () => this.running() && this.lose("camera_gone");
    listCameras(this.cameras, stream);
  }

  load() {
    this.worker?.terminate();
    this.files = JSON.stringify(this.data.files);
    this.idle = false;
    // As the page itself does, so that it holds under any path the app is served at.
    const here = new URL("./", location.href);
    const address = (file) => new URL(file, here).href;
    const { worker, wasm, script, search, look, model } = this.data.files;
    const mine = (this.worker = new Worker(address(worker)));
    mine.onmessage = ({ data }) => mine === this.worker && this.hear(data);
    mine.onerror = () => mine === this.worker && this.fail("load");
    const load = {
      runtime: { wasm: address(wasm), script: address(script) },
      search: address(search),
      look: address(look),
      model: address(model),
      ...this.data.fixed,
    };
    mine.postMessage({ load });
  }

  hear(message) {
    if (message.ready) this.idle = true;
    else if (message.failed) {
      console.error(`The analysis failed: ${message.why ?? message.failed}`);
      this.fail(message.failed);
    } else this.keepResult(message);
  }

  // With every frame that the camera gives: count it, and analyse it, or the newest as soon
  // as the one before is done.
  follow() {
    const { turn, video } = this;
    const next = video.requestVideoFrameCallback?.bind(video) ?? requestAnimationFrame;
    const frame = () => {
      if (this.turn !== turn) return;
      this.meters.frames.push((this.newest = performance.now()));
      this.unseen = video.videoWidth > 0;
      this.analyze();
      next(frame);
    };
    next(frame);
  }

  async analyze() {
    if (!this.idle || !this.unseen) return;
    this.idle = this.unseen = false;
    const { worker, began, newest } = this;
    try {
      const frame = await createImageBitmap(this.video);
      if (began !== this.began || worker !== this.worker) return frame.close();
      const { largest, smoothing } = this.data;
      worker.postMessage({ frame, time: (newest - began) / 1000, largest, smoothing }, [frame]);
    } catch {
      this.idle = true; // the camera had no picture just then
    }
  }

  keepResult(result) {
    this.idle = true;
    const now = performance.now();
    this.result?.frame.close();
    if (!this.stream) {
      this.result = null;
      return result.frame.close();
    }
    this.analyze();
    this.result = result;
    this.meters.results.push(now);
    this.meters.delays.push([now, now - this.began - result.time * 1000]);
    this.results.push([
      Math.round(result.time * 1000),
      ...result.faces.map((face) => [
        face.person,
        ...face.box.map(Math.round),
        Math.round(face.score * UNIT),
        face.label,
        ...face.probabilities.map((p) => Math.round(p * UNIT)),
        ...face.measured.map((p) => Math.round(p * UNIT)),
      ]),
    ]);
    if (this.results.length > KEPT) {
      this.results.shift();
      this.first += 1;
    }
    if (this.phase === "connecting") this.enter("on");
    this.draw();
  }

  fail(cause) {
    this.release();
    this.worker?.terminate();
    this.worker = null;
    this.enter("failed", cause);
  }

  lose(cause) {
    this.release();
    this.enter("lost", cause);
  }

  stop() {
    this.release();
    this.enter("off");
  }

  // Let go of the camera. The worker stays, for the next start.
  release() {
    this.turn = null;
    stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    this.result?.frame.close();
    this.result = null;
    this.draw();
  }

  enter(phase, cause = null) {
    this.phase = phase;
    this.cause = cause;
    this.report();
    this.show();
  }

  report() {
    const { phase, cause, run, first } = this;
    const now = (this.told = performance.now());
    let room = MOST;
    const fits = this.results.findIndex((result) => (room -= Math.max(1, result.length - 1)) < 0);
    const results = fits < 0 ? this.results : this.results.slice(0, Math.max(1, fits));
    this.owing = results.length < this.results.length;
    this.tell?.({
      phase: this.owing ? "on" : phase, // it is not over before all has been told
      cause,
      run,
      now: round((now - this.began) / 1000),
      wall: Date.now() / 1000,
      width: this.video.videoWidth || this.width,
      height: this.video.videoHeight || this.height,
      first,
      results,
      stats: this.stats(now),
    });
  }

  stats(now) {
    const { meters } = this;
    const since = Math.min(3000, now - this.began);
    for (const name of ["frames", "results"]) meters[name] = meters[name].filter((t) => t > now - since);
    meters.delays = meters.delays.filter(([t]) => t > now - since);
    const delays = meters.delays.map(([, delay]) => delay).sort((a, b) => a - b);
    return {
      fps: round((meters.frames.length * 1000) / since),
      analyses: round((meters.results.length * 1000) / since),
      delay: Math.round(delays[delays.length >> 1] ?? 0),
    };
  }

  show() {
    const notes = {
      off: "The camera is off",
      asking: "Your browser asks for the camera…",
      connecting: "Loading what reads the faces…",
      on: "",
      failed: "No live picture",
      lost: "The live picture broke off",
    };
    this.note.textContent = notes[this.phase];
    this.note.hidden = !notes[this.phase];
    this.note.classList.toggle("over", this.phase === "connecting");
    this.button.textContent = this.running() ? "Stop" : this.phase === "lost" ? "Go on" : "Start";
    this.button.classList.toggle("primary", !this.running());
    this.snapshotButton.disabled = this.phase !== "on";
  }

  // The newest result, over the video.
  draw() {
    const { canvas, video, result } = this;
    if (video.videoWidth) Object.assign(this, { width: video.videoWidth, height: video.videoHeight });
    if (!result || performance.now() - this.began - result.time * 1000 > STALE_MS) {
      canvas.width = canvas.width; // clears it
      return;
    }
    const { width, height } = result;
    const sharp = Math.max(1, (canvas.clientWidth * devicePixelRatio) / width || 1);
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    this.drawFaces(context, result, this.data.labels);
  }

  // As fer_core/drawing.py does.
  drawFaces(context, { width, height, faces }, labels) {
    const { emotions, mirror, unsureBelow } = this.data;
    const line = Math.max(2, Math.round(Math.min(width, height) / 220));
    const largest = Math.max(14, Math.min(width, height) / 26);
    for (const face of [...faces].reverse()) {
      const [left, y, w, h] = face.box;
      const x = mirror ? width - left - w : left;
      const { name, color, ink } = emotions[face.label];
      const share = face.probabilities[face.label];
      const unsure = share < unsureBelow;
      context.setLineDash([]);
      context.lineWidth = line + Math.max(2, line >> 1);
      context.strokeStyle = "#111";
      context.strokeRect(x, y, w, h);
      context.setLineDash(unsure ? [4 * line, 4 * line] : []);
      context.lineWidth = line;
      context.strokeStyle = color;
      context.strokeRect(x, y, w, h);
      if (!labels) continue;
      const person = faces.length > 1 ? `${face.person}  ` : "";
      const text = `${person}${name}${unsure ? "?" : ""} ${Math.round(share * 100)} %`;
      const size = Math.max(12, largest * 0.55, Math.min(largest, (w / text.length) * 1.7));
      context.font = `${size}px system-ui, sans-serif`;
      const pad = size * 0.3, tagWidth = context.measureText(text).width + 2 * pad, tagHeight = size + 2 * pad;
      const above = y - line / 2 - tagHeight, below = y + h + line / 2;
      let top = above >= 0 ? above : below + tagHeight <= height ? below : Math.max(0, y) + line / 2;
      top = Math.max(0, Math.min(top, height - tagHeight));
      const start = Math.max(0, Math.min(x - line / 2, width - tagWidth));
      context.fillStyle = color;
      context.fillRect(start, top, tagWidth, tagHeight);
      context.fillStyle = ink;
      context.textBaseline = "middle";
      context.fillText(text, start + pad, top + tagHeight / 2);
    }
  }

  // The last analysed picture with its own result, as a file of the visitor's.
  async snapshot() {
    const { result } = this;
    if (!result) return;
    const canvas = new OffscreenCanvas(result.width, result.height);
    const context = canvas.getContext("2d");
    if (this.data.mirror) context.setTransform(-1, 0, 0, 1, result.width, 0);
    context.drawImage(result.frame, 0, 0);
    context.resetTransform();
    this.drawFaces(context, result, true);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
    link.download = "snapshot.png";
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

const round = (value) => Math.round(value * 1000) / 1000;
