// What both ways show and do alike: Start and Stop, the choice of a camera, the watch over its
// frames, and the sentences. Goes between camera.js and either way's own script.

const CAMERA = "fer:camera";
const FACING = "fer:camera-facing";
const SIZE = "fer:camera-size";
const TICK_MS = 250;
const GAP_MS = 3000; // without a result: what is missing is said, see fer_core/live/record.py
// A result fades from this age on, and an older one is not drawn. Through the server the boxes are part
// of the picture, which fades where none has come back for LATE_MS (camera.js).
const FADE_MS = 1000;
const STALE_MS = 3000;
const SAID_MS = 15000;
const DOUBLE_MS = 500; // within which a second tap or key is part of a double one

// The component of a way: one view for as long as its element is on the page.
function component(Way) {
  return ({ parentElement, data, setStateValue }) => {
    let fresh = false;
    const view = keep(parentElement, (root) => {
      fresh = true;
      return new Way(root);
    });
    view.tell = (report) => setStateValue("report", report);
    view.take(data ?? {});
    view.show();
    if (fresh) view.list();
    // Back on this page: what Python remembers is an earlier visit.
    if (fresh && view.known(data ?? {})) view.report();
    return letGo(parentElement, (gone) => gone.close());
  };
}

class View {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    this.frame = find("#frame");
    this.video = find("#shown");
    this.source = find("#source") ?? this.video; // plays the camera's own picture
    this.note = find("#note");
    this.button = find("#start");
    this.notice = find("#notice");
    this.cameras = find("#camera");
    this.sizes = find("#size");
    this.sides = find("#facing");
    this.windowButton = find("#window");
    this.windowButton.hidden = !window.documentPictureInPicture;
    this.windowButton.onclick = () => this.openWindow();
    this.saveButton = find("#save");
    this.question = find("#question");
    this.saveButton.onclick = () => (this.saving ? this.endVideo() : this.ask(this.question.hidden));
    find("#begin").onclick = () => this.beginVideo();
    find("#cancel").onclick = () => this.ask(false);
    this.marks = find("#marks");
    this.log = new PageLog();
    this.words = new KeyWords();
    this.player = new Player(this, root);
    this.pressed = (event) => this.press(event);
    this.data = {};
    this.stream = null;
    this.trouble = null;
    this.remark = null;
    this.states = new States(() => this.changed());
    this.small = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
    this.button.onclick = (event) => this.click(event);
    this.button.disabled = false; // before, a click would not be heard
    this.sizes.value = this.size;
    this.sides.value = remembered(FACING) ?? "user";
    this.cameras.onchange = () => this.choose(CAMERA, this.cameras.value);
    this.sizes.onchange = () => this.choose(SIZE, this.sizes.value);
    this.sides.onchange = () => {
      remember(CAMERA, null);
      this.choose(FACING, this.sides.value);
    };
    this.list = () => this.listCameras();
    this.leave = () => this.stop();
    // A video that is not finished is lost with the page.
    this.guard = (event) => this.saving && event.preventDefault();
    this.turned = () => {
      this.watch?.restart(performance.now());
      this.keepAwake();
      this.hidden(document.hidden);
    };
    navigator.mediaDevices?.addEventListener?.("devicechange", this.list);
    addEventListener("pagehide", this.leave);
    addEventListener("beforeunload", this.guard);
    document.addEventListener("visibilitychange", this.turned);
    document.addEventListener("keydown", this.pressed);
    this.ticks = setInterval(() => this.tick(performance.now()), TICK_MS);
  }

  // For each way to say: whether Python remembers an earlier visit, what becomes of a camera
  // that was opened, of another one in its place, and of what was held for it.
  known() {}
  opened() {}
  replaced() {}
  letGo() {}
  framed() {}
  // Seconds of the recording at a time of the browser's clock, null while nothing is recorded.
  recordingTime() {
    return null;
  }
  hidden() {}
  // What is wrong beside the camera, null where nothing is.
  further() {}
  // Draw what is shown into a context of that size.
  paint(context, width, height) {
    context.drawImage(this.video, 0, 0, width, height);
  }

  get phase() {
    return this.states.phase;
  }

  get size() {
    const size = remembered(SIZE);
    return size in WIDTHS ? size : "auto";
  }

  wish() {
    return { camera: remembered(CAMERA), facing: remembered(FACING) ?? "user", size: this.size };
  }

  // The component is taken from the page.
  close() {
    this.tell = null;
    this.stop();
    this.window?.close();
    clearInterval(this.ticks);
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.list);
    removeEventListener("pagehide", this.leave);
    removeEventListener("beforeunload", this.guard);
    document.removeEventListener("visibilitychange", this.turned);
    document.removeEventListener("keydown", this.pressed);
  }

  // A double click is one, and so is a key that is held down: it starts, or stops, and no more.
  click({ detail, timeStamp }) {
    if (detail > 1) return;
    if (!this.states.running) {
      this.started = timeStamp;
      this.start();
    } else if (timeStamp - this.started > DOUBLE_MS) this.stop();
    else this.started = timeStamp;
  }

  async start() {
    if (!this.states.take("start")) return;
    const { turn } = this.states;
    const { stream, cause, instead } = await openCamera(this.wish());
    this.list(); // names are known from now on, whatever came of it
    if (!this.states.current(turn)) return stop(stream);
    if (!stream) return this.fail(cause);
    this.keep(stream, instead);
    this.states.take("opened", turn);
    this.opened();
  }

  stop() {
    this.states.take("stop");
  }

  fail(cause, turn = this.states.turn) {
    this.states.take("fail", turn, cause);
  }

  lose(cause, turn = this.states.turn) {
    this.states.take("lose", turn, cause);
  }

  // Keep the screen awake while the camera is on, where the browser can.
  async keepAwake() {
    const wanted = this.states.running && !document.hidden;
    if (wanted && !this.lock) {
      this.lock = navigator.wakeLock?.request("screen").catch(() => null);
    } else if (!wanted && this.lock) {
      const { lock } = this;
      this.lock = null;
      (await lock)?.release();
    }
  }

  // Show the picture in a small window that stays in front of other programs.
  async openWindow() {
    if (this.window) return this.window.close();
    const { frame } = this;
    const opened = await documentPictureInPicture.requestWindow({ width: 480, height: 360 });
    this.window = opened;
    const root = frame.getRootNode();
    const sheets = [...root.styleSheets, ...(root.adoptedStyleSheets ?? [])];
    const style = opened.document.createElement("style");
    style.textContent = sheets.flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText).join("\n");
    style.textContent += "body { margin: 0; } #frame { max-height: none; height: 100vh; }";
    opened.document.head.append(style);
    const computed = getComputedStyle(frame);
    for (const name of ["text-color", "secondary-background-color", "base-radius"])
      opened.document.documentElement.style.setProperty(`--st-${name}`, computed.getPropertyValue(`--st-${name}`));
    const place = Object.assign(document.createElement("div"), { id: "away" });
    place.textContent = "The picture is in the small window";
    const played = () => frame.querySelectorAll("video").forEach((video) => video.play().catch(() => {}));
    frame.replaceWith(place);
    opened.document.body.append(frame);
    opened.document.addEventListener("keydown", this.pressed);
    played();
    opened.addEventListener("pagehide", () => {
      this.window = null;
      place.replaceWith(frame);
      played();
    });
  }

  // An address of the app, under any path it is served at.
  address(file) {
    return new URL(file, new URL("./", location.href)).href;
  }

  // Say what the file will hold before anything is saved.
  ask(open) {
    this.question.hidden = !open;
    const faces = LEVEL[this.data.hide ? "hidden" : "shown"];
    write(
      this.question.firstElementChild,
      `The video is saved on this device as you see it, ${faces}. Numbers are recorded with it, and have its times.`,
    );
  }

  beginVideo() {
    this.ask(false);
    this.saving = new Saving(this);
    this.report();
    this.show();
  }

  // End the video and hand it over; `cause` says why where the visitor did not ask for it.
  endVideo(cause = null) {
    const { saving } = this;
    if (!saving) return;
    this.saving = null;
    saving.finish(this.data.name ?? "live");
    if (cause) this.remark = { cause, until: performance.now() + SAID_MS };
    this.report();
    this.show();
  }

  // Take a key 1 to 9 into the recording, and say so at once.
  press(event) {
    const key = digitOf(event);
    const time = key && this.recordingTime(performance.now());
    if (!key || time === null) return;
    const { names, intervals } = this.data.keys;
    this.log.add("key", time, key);
    this.words.press(names[key - 1], time, intervals);
    write(this.marks, this.words.text);
    this.report();
  }

  // What Python says that both ways need.
  heed(data) {
    this.data = data;
    this.log.heard(data.log);
    this.player.heed(data.player);
    if (this.recordingTime(performance.now()) !== null) this.noted = true;
    else if (this.noted) {
      // The next recording says what is its own.
      this.noted = false;
      this.words.begin();
      write(this.marks, "");
    }
  }

  // Called after each change of state.
  changed() {
    if (!this.states.running) this.release();
    this.keepAwake();
    this.report();
    this.show();
  }

  choose(name, value) {
    const before = remembered(name);
    remember(name, value);
    if (this.stream) return this.switchCamera(() => remember(name, before));
    if (this.phase === "asking") {
      this.stop();
      this.start();
    }
  }

  // Open another camera while the one before goes on, or return to that one.
  async switchCamera(undo) {
    const { turn } = this.states;
    const mine = (this.switching = {});
    const current = () => this.states.current(turn) && this.switching === mine;
    const before = { ...this.wish(), camera: settingsOf(this.stream).deviceId };
    let { stream, cause } = await openCamera(this.wish(), true);
    if (!stream && cause === "busy" && current()) {
      // A phone opens one at a time.
      stop(this.stream);
      ({ stream, cause } = await openCamera(this.wish(), true));
    }
    if (!current()) return stop(stream);
    if (stream) return this.keep(stream);
    undo();
    this.sizes.value = this.size;
    this.sides.value = remembered(FACING) ?? "user";
    if (this.stream.getVideoTracks()[0].readyState === "ended") {
      ({ stream } = await openCamera(before, true));
      if (!current()) return stop(stream);
      if (!stream) return this.lose("camera_gone", turn);
    }
    this.keep(stream ?? this.stream, cause === "busy" ? "still_busy" : "still_gone");
  }

  // Use a stream from now on, and let go of the one before.
  keep(stream, instead = null) {
    const before = this.stream;
    const { turn } = this.states;
    const [track] = stream.getVideoTracks();
    this.stream = stream;
    this.remark = instead && { cause: instead, values: { camera: track.label || "another one" } };
    if (stream !== before) {
      stop(before);
      this.source.srcObject = stream;
      this.source.play?.().catch(() => {});
      track.onended = () => this.stream === stream && this.lose("camera_gone", turn);
      this.watch = new FrameWatch(performance.now());
      this.follow(stream);
      if (before) this.replaced(stream);
    }
    this.list();
    this.show();
  }

  // Let go of the camera and of all that was held for it.
  release() {
    this.player.end();
    this.endVideo();
    this.letGo();
    stop(this.stream);
    Object.assign(this, { stream: null, watch: null, trouble: null, remark: null });
    this.source.srcObject = null;
  }

  // Where there are several cameras whose names are known, offer them.
  async listCameras() {
    const found = await listCameras().catch(() => []);
    const current = settingsOf(this.stream).deviceId ?? remembered(CAMERA);
    const named = found.filter((d) => d.deviceId && d.label);
    this.cameras.replaceChildren(
      ...named.map((d) => new Option(d.label, d.deviceId, false, d.deviceId === current)),
    );
    this.cameras.parentElement.hidden = named.length < 2;
    const sides = this.stream?.getVideoTracks()[0]?.getCapabilities?.().facingMode ?? [];
    const phone = navigator.maxTouchPoints > 0 && matchMedia("(pointer: coarse)").matches;
    this.sides.parentElement.hidden = !phone && !sides.length;
  }

  // With every frame that the camera gives.
  follow(stream) {
    const { source } = this;
    const next = source.requestVideoFrameCallback?.bind(source);
    let counted = -1;
    const frame = () => {
      if (this.stream !== stream) return;
      const count = next ? counted + 1 : (source.getVideoPlaybackQuality?.().totalVideoFrames ?? counted + 1);
      if (count !== counted && !document.hidden) {
        const now = performance.now();
        this.watch.frame(now);
        this.framed(now);
      }
      counted = count;
      (next ?? requestAnimationFrame)(frame);
    };
    (next ?? requestAnimationFrame)(frame);
  }

  tick(now) {
    if (this.remark?.until < now) this.remark = null;
    if (!this.states.running) return;
    this.look(now);
    const trouble = this.stream ? (this.watch.trouble(now) ?? this.further(now) ?? null) : null;
    if (trouble !== this.trouble) {
      this.trouble = trouble;
      this.report();
    }
    this.show();
  }

  // Keep a small copy of the camera's picture for the watch.
  look(now) {
    const { source, watch, small } = this;
    if (!watch) return;
    if (document.hidden) return watch.restart(now);
    if (!source.videoWidth || now - watch.newest > LATE_MS) return;
    const context = small.getContext("2d", { willReadFrequently: true });
    context.drawImage(source, 0, 0, small.width, small.height);
    watch.sample(context.getImageData(0, 0, small.width, small.height).data, now);
  }

  // The sentence over the picture, the sentence below it, and the buttons.
  show() {
    const { phase, trouble } = this;
    const { running } = this.states;
    const notes = {
      off: "The camera is off",
      asking: "Your browser asks for the camera…",
      connecting: this.waiting(),
      on: "",
      failed: "No live picture",
      lost: "The live picture broke off",
    };
    write(this.note, trouble ? this.sentence(trouble).join(". ") : notes[phase]);
    this.note.classList.toggle("over", running && phase !== "asking");
    const label = running ? "Stop" : phase === "lost" ? "Go on" : "Start";
    if (this.button.textContent !== label) this.button.textContent = label;
    this.button.classList.toggle("primary", !running);
    this.saveButton.disabled = phase !== "on";
    if (phase !== "on" && !this.question.hidden) this.ask(false);
    const saved = this.saving && `Finish video (${clock(this.saving.seconds)})`;
    const save = saved || "Save video…";
    if (this.saveButton.textContent !== save) this.saveButton.textContent = save;
    this.say();
  }

  // The sentence below the picture: which camera it is, or what is missing.
  say() {
    const { remark } = this;
    let text = remark ? this.sentence(remark.cause).join(". ") : "";
    for (const [name, value] of Object.entries(remark?.values ?? {})) text = text.replace(`{${name}}`, value);
    write(this.notice, text);
  }

  // Say, for a while, for how long nothing was analysed.
  missed(ms, hidden) {
    const values = { seconds: Math.round(ms / 1000) };
    this.remark = { cause: hidden ? "was_hidden" : "gap", values, until: performance.now() + SAID_MS };
  }

  // What is said while the first result is awaited.
  waiting() {
    return "";
  }

  // Title and advice, from ui/live/causes.py.
  sentence(cause) {
    return this.data.sentences?.[cause] ?? [cause, ""];
  }
}

// Once for each text, since a screen reader reads out what is written.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

function settingsOf(stream) {
  return stream?.getVideoTracks()[0]?.getSettings() ?? {};
}
