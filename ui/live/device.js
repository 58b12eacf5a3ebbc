// Live on the visitor's own device: a worker analyses the camera's frames (ui/device/), and boxes
// and labels are drawn over the video. Goes after camera.js and view.js. No picture leaves this
// script; what Python gets is one value, `report`, twice a second:
// { phase, cause, trouble, saving, log, stimuli, run, now, wall, width, height, first, results, stats }, see
// fer_core/live/remote.py. Results are sent until Python says that it has them.
// phase: off | asking | connecting | on | failed | lost

const REPORT_MS = 500;
const PATIENCE_MS = 2000; // within which a busy server is asked for nothing new
const MOST = 100; // faces and empty frames in one report; after an outage the rest follows
const KEPT = 20000; // the same while Python does not answer: ten minutes of one face
const UNIT = 10000; // fer_core/live/remote.py
const TENTH = 10; // likewise
const LOAD_MS = 60000; // within which the files must come, and then the first result

class Device extends View {
  constructor(root) {
    super(root);
    this.canvas = root.querySelector("canvas");
    this.snapshotButton = root.querySelector("#snapshot");
    this.run = null;
    this.began = performance.now();
    this.results = [];
    this.latest = [];
    this.first = 0;
    this.meters = { frames: [], results: [], delays: [] };
    this.snapshotButton.onclick = () => this.snapshot();
    this.clock = setInterval(() => {
      const waiting = this.told > this.heard && performance.now() - this.told < PATIENCE_MS;
      if (!waiting && (this.phase === "on" || this.results.length)) this.report();
    }, REPORT_MS);
  }

  known(data) {
    return data.ack.run;
  }

  close() {
    super.close();
    clearInterval(this.clock);
    this.unload();
  }

  unload() {
    this.worker?.terminate();
    this.worker = null;
  }

  // What Python says: options, files, and which results it has.
  take(data) {
    const files = JSON.stringify(data.files);
    this.heed(data);
    this.heard = performance.now();
    this.video.classList.toggle("mirrored", data.mirror);
    this.video.classList.toggle("covered", data.hide);
    if (this.worker && files !== this.files) this.load(); // another model was chosen
    this.draw();
    if (data.ack.run !== this.run) return;
    this.results.splice(0, Math.max(0, data.ack.next - this.first));
    this.first = Math.max(this.first, data.ack.next);
    if (this.owing) this.report();
  }

  opened() {
    Object.assign(this, { run: Date.now(), began: performance.now(), results: [], first: 0 });
    for (const name of Object.keys(this.meters)) this.meters[name] = [];
    this.asked = performance.now();
    if (!this.worker) this.load();
    this.report();
  }

  load() {
    this.unload();
    this.files = JSON.stringify(this.data.files);
    this.idle = false;
    this.ready = false;
    this.progress = 0;
    this.moved = performance.now();
    const { worker, wasm, script, search, look, model } = this.data.files;
    const mine = (this.worker = new Worker(this.address(worker)));
    mine.onmessage = ({ data }) => mine === this.worker && this.hear(data);
    mine.onerror = () => mine === this.worker && this.broken("load");
    const load = {
      runtime: { wasm: this.address(wasm), script: this.address(script) },
      search: this.address(search),
      look: this.address(look),
      model: this.address(model),
      ...this.data.fixed,
    };
    mine.postMessage({ load });
  }

  hear(message) {
    if (message.ready) {
      this.idle = this.ready = true;
      this.asked = performance.now();
    } else if (message.progress !== undefined) {
      if (message.progress > this.progress) this.moved = performance.now();
      this.progress = message.progress;
      this.show();
    } else if (message.failed) {
      console.error(`The analysis failed: ${message.why ?? message.failed}`);
      this.broken(message.failed);
    } else this.keepResult(message);
  }

  // What fails while nobody waits for it is tried again with the next start.
  broken(cause) {
    this.unload();
    this.fail(cause);
  }

  // Count the frame, and analyse it, or the newest as soon as the one before is done.
  framed(now) {
    this.meters.frames.push((this.newest = now));
    this.unseen = this.video.videoWidth > 0;
    this.player.light(now);
    this.analyze();
    if (!this.data.hide) this.save(now, [this.video.videoWidth, this.video.videoHeight]);
  }

  async analyze(picture = this.video) {
    if (!this.idle || !this.unseen) return;
    this.idle = this.unseen = false;
    const { worker, began, newest } = this;
    this.asked = performance.now();
    try {
      const width = picture.displayWidth ?? picture.videoWidth;
      const height = picture.displayHeight ?? picture.videoHeight;
      const [resizeWidth, resizeHeight] = fit(width, height, this.size);
      const frame = await createImageBitmap(picture, { resizeWidth, resizeHeight, resizeQuality: "medium" });
      if (began !== this.began || worker !== this.worker) {
        this.idle = worker === this.worker;
        return frame.close();
      }
      const { largest, smoothing, prior } = this.data;
      this.flying = began;
      // The worker's time goes on from run to run: a camera that was off is a pause to its tracker.
      worker.postMessage({ frame, time: newest / 1000, largest, smoothing, prior }, [frame]);
    } catch {
      this.idle = true; // the camera had no picture just then
    }
  }

  // In a hidden tab a video element gives no frames; some browsers let a script read them from
  // the camera itself.
  async hidden(hidden) {
    const { stream } = this;
    const mine = (this.reading = {});
    this.away ||= hidden;
    if (!hidden || !stream || !window.MediaStreamTrackProcessor) return;
    const track = stream.getVideoTracks()[0].clone();
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (this.reading === mine && this.stream === stream) {
        this.meters.frames.push((this.newest = performance.now()));
        this.unseen = true;
        await this.analyze(next.value);
      } else track.stop(); // ends the reading
      next.value.close();
    }
  }

  keepResult(result) {
    this.idle = true;
    const now = performance.now();
    if (!this.stream || this.flying !== this.began) return result.frame.close(); // of an earlier run
    result.time -= this.began / 1000;
    this.result?.frame.close();
    this.asked = now;
    if (this.phase === "on" && now - this.came > GAP_MS) this.missed(now - this.came, this.away);
    this.away = document.hidden;
    this.pause = this.result ? Math.min(now - this.came, STALE_MS / 2) : 0;
    this.came = now;
    this.analyze();
    this.result = result;
    this.meters.results.push(now);
    this.meters.delays.push([now, now - this.began - result.time * 1000]);
    const faces = result.faces.map((face) => [
      face.person,
      ...face.box.map(Math.round),
      Math.round(face.score * UNIT),
      face.label,
      ...face.probabilities.map((p) => Math.round(p * UNIT)),
      ...face.measured.map((p) => Math.round(p * UNIT)),
      ...face.points.slice(0, 3).flat().map((p) => Math.round(p * TENTH)), // eyes and nose
      Math.round(face.sharpness),
      Math.round(face.brightness * UNIT),
    ]);
    const { width, height } = result;
    this.results.push({ width, height, values: [Math.round(result.time * 1000), ...faces] });
    if (this.results.length > KEPT) {
      this.results.shift();
      this.first += 1;
    }
    this.latest.push(result);
    this.latest = this.latest.filter(({ time }) => result.time - time <= this.data.hiding.seconds);
    this.states.take("live");
    this.draw();
    if (this.data.hide) this.save(this.began + result.time * 1000, [width, height]);
  }

  recordingTime(now) {
    const { run, zero } = this.data.clock ?? {};
    return run === this.run && zero !== null ? (now - this.began) / 1000 - zero : null;
  }

  // Take the picture shown into the video, of a time of the browser's clock.
  save(now, size) {
    this.saving?.picture(this.recordingTime(now), size);
  }

  // The analysed picture is part of what is drawn where faces are hidden.
  paint(context, width, height) {
    context.fillStyle = "#111";
    context.fillRect(0, 0, width, height);
    if (!this.data.hide) {
      context.save();
      if (this.data.mirror) context.transform(-1, 0, 0, 1, width, 0);
      super.paint(context, width, height);
      context.restore();
    }
    if (!this.drawn) return;
    context.globalAlpha = Number(this.canvas.style.opacity);
    context.drawImage(this.canvas, 0, 0, width, height);
    context.globalAlpha = 1;
  }

  letGo() {
    this.result?.frame.close();
    this.result = null;
    this.latest = [];
    this.draw();
  }

  further(now) {
    const waiting = this.phase === "connecting" || !this.ready;
    if (waiting && now - (this.ready ? this.asked : this.moved) > LOAD_MS) this.broken("load_slow");
    if (this.phase !== "on") return null;
    if (document.hidden && now - this.came > LATE_MS) return "hidden";
    return !this.idle && now - this.asked > LATE_MS ? (this.ready ? "late" : "loading") : null;
  }

  // A report holds results of one size: that of the frames in which their boxes are.
  report() {
    const { run, first } = this;
    const now = (this.told = performance.now());
    let room = MOST;
    const { width, height } = this.results[0] ?? this.result ?? {};
    const fits = this.results.findIndex(
      (result) => (room -= Math.max(1, result.values.length - 1)) < 0 || result.width !== width || result.height !== height,
    );
    const results = fits < 0 ? this.results : this.results.slice(0, Math.max(1, fits));
    this.owing = results.length < this.results.length;
    this.tell?.({
      phase: this.owing ? "on" : this.phase, // it is not over before all has been told
      cause: this.states.cause,
      trouble: this.trouble,
      saving: Boolean(this.saving),
      log: this.log.report(),
      stimuli: this.player.names,
      run,
      now: round((now - this.began) / 1000),
      wall: Date.now() / 1000,
      width,
      height,
      first,
      results: results.map((result) => result.values),
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

  waiting() {
    return this.progress < 1 ? `Loading the model… ${Math.round(this.progress * 100)} %` : "Starting the model…";
  }

  tick(now) {
    super.tick(now);
    this.draw(now);
  }

  show() {
    super.show();
    this.snapshotButton.disabled = this.phase !== "on";
  }

  // The newest result over the video, fainter with its age.
  draw(now = performance.now()) {
    const { canvas, result } = this;
    const age = result ? now - this.began - result.time * 1000 : Infinity;
    if (age > STALE_MS) {
      if (this.drawn) canvas.width = canvas.width; // clears it
      this.drawn = null;
      return;
    }
    const fresh = Math.max(FADE_MS, this.pause);
    canvas.style.opacity = Math.min(1, (STALE_MS - age) / (STALE_MS - fresh));
    const { width, height } = result;
    const sharp = Math.max(1, (canvas.clientWidth * devicePixelRatio) / width || 1);
    const { labels, mirror, hide, unsureBelow } = this.data;
    const drawn = [result.time, sharp, labels, mirror, hide, unsureBelow].join();
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    if (hide) this.drawHidden(context, result);
    this.drawFaces(context, result, labels);
  }

  // The analysed picture without a face that could be recognised, as fer_core/drawing.py does:
  // every place where one was found in the last second is reduced to a few blocks. Boxes lie on
  // the faces, since they are of this picture.
  drawHidden(context, { frame, width, height }) {
    const { margin, blocks: count } = this.data.hiding;
    context.save();
    if (this.data.mirror) context.transform(-1, 0, 0, 1, width, 0);
    context.drawImage(frame, 0, 0, width, height);
    const blocks = Object.assign(document.createElement("canvas"), { width: count, height: count });
    const few = blocks.getContext("2d");
    few.imageSmoothingQuality = "high";
    const same = this.latest.filter((one) => one.width === width && one.height === height);
    for (const [x, y, w, h] of same.flatMap(({ faces }) => faces.map(({ box }) => box))) {
      const left = Math.max(0, x - w * margin), top = Math.max(0, y - h * margin);
      const wide = Math.min(width, x + w * (1 + margin)) - left;
      const high = Math.min(height, y + h * (1 + margin)) - top;
      if (wide < 1 || high < 1) continue;
      few.drawImage(frame, left, top, wide, high, 0, 0, count, count);
      context.drawImage(blocks, left, top, wide, high);
    }
    context.restore();
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
    if (!this.data.hide) context.drawImage(result.frame, 0, 0);
    context.resetTransform();
    if (this.data.hide) this.drawHidden(context, result);
    this.drawFaces(context, result, true);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
    link.download = "snapshot.png";
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

const round = (value) => Math.round(value * 1000) / 1000;

export default component(Device);
