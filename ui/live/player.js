// Stimuli in step with a recording: plays the visitor's own files over the whole screen, and
// writes what is shown, and when, into the page's log. No file leaves the browser. Goes after
// page_log.js and before view.js.

const DRIFT_S = 0.03; // a video that is further than that from where it should be is noted
const DARK_MS = 1000; // before the first flash
const STOPPED = new Error("stopped");

class Player {
  constructor(view, root) {
    const find = (selector) => root.querySelector(selector);
    Object.assign(this, { view, files: [], settings: { on: false, order: [] }, last: {} });
    Object.assign(this, { playing: null, flashing: false, problem: "", done: "" });
    this.panel = find("#stimuli");
    this.list = find("#playlist");
    this.said = find("#played");
    this.button = find("#play");
    this.screen = find("#screen");
    this.clip = find("#clip");
    this.still = find("#still");
    this.small = Object.assign(document.createElement("canvas"), { width: 32, height: 24 });
    find("#files").onchange = ({ target }) => this.choose([...target.files]);
    this.button.onclick = () => (this.playing ? this.end() : this.play());
    this.screen.onfullscreenchange = () => this.playing?.full && !document.fullscreenElement && this.end();
    this.screen.onkeydown = (event) => this.key(event);
  }

  // Files in the order of their names, numbers by their size.
  choose(files) {
    const byName = new Intl.Collator(undefined, { numeric: true });
    this.files = files.sort((a, b) => byName.compare(a.name, b.name));
    this.problem = this.done = "";
    this.view.report();
    this.show();
  }

  get names() {
    return this.files.map(({ name }) => name);
  }

  // Python's answer for these files: in which order they are played.
  get order() {
    const { order } = this.settings;
    return order.length === this.files.length ? order : [];
  }

  heed(settings) {
    this.settings = settings;
    this.show();
  }

  show() {
    const { view, settings, order, files, playing } = this;
    this.panel.hidden = !settings.on;
    this.button.disabled = !playing && (!order.length || view.recordingTime(performance.now()) === null);
    write(this.button, playing ? "End" : "Play");
    const names = order.map((index) => files[index].name).join("\n");
    if (names !== this.listed) {
      this.listed = names;
      this.list.replaceChildren(
        ...order.map((index) => Object.assign(document.createElement("li"), { textContent: files[index].name })),
      );
    }
    const record = order.length && this.button.disabled ? "Start the camera and record numbers first." : "";
    write(this.said, settings.problem || this.problem || record || this.done);
  }

  // Escape ends, the space bar holds a video and lets it go on.
  key(event) {
    const { clip } = this;
    if (event.key === "Escape") this.end();
    else if (event.key === " " && !clip.hidden) {
      if (clip.paused) clip.play();
      else clip.pause();
    } else return;
    event.preventDefault();
  }

  async play() {
    const run = (this.playing = {});
    run.stopped = new Promise((_, stop) => (run.stop = stop));
    run.stopped.catch(() => {});
    this.problem = this.done = "";
    this.screen.hidden = false;
    this.show();
    try {
      // Without the right to the whole screen, the page's own has to do.
      await this.screen.requestFullscreen?.().then(() => (run.full = true), () => {});
      this.screen.focus();
      if (this.settings.flashes) await this.flash(run);
      for (const index of [...this.order]) {
        await this.gap(run);
        const file = this.files[index];
        await (file.type.startsWith("video/") ? this.playClip(file, run) : this.showStill(file, run));
      }
      await this.gap(run);
      this.done = "All stimuli were shown.";
    } catch (error) {
      if (error !== STOPPED) this.problem = error.message;
    }
    if (this.playing === run) this.end();
  }

  end() {
    const run = this.playing;
    if (!run) return;
    this.playing = null;
    this.flashing = false;
    this.note("", 0, true);
    this.screen.classList.remove("white");
    this.screen.hidden = true;
    if (run.full && document.fullscreenElement) document.exitFullscreen().catch(() => {});
    run.stop(STOPPED);
    this.view.report();
    this.show();
  }

  wait(ms, run) {
    const over = new Promise((done) => setTimeout(done, Math.max(0, ms)));
    return Promise.race([over, run.stopped]);
  }

  // When what was changed just now is on the screen, about.
  async painted(run) {
    const frame = () => Promise.race([new Promise(requestAnimationFrame), run.stopped]);
    await frame();
    return frame();
  }

  // Note what the screen shows from a moment of the browser's clock on.
  note(name, at, running, now = performance.now()) {
    this.last = { name, at, running, now };
    const time = this.view.recordingTime(now);
    if (time !== null) this.view.log.add("show", time, name, at, running);
  }

  async gap(run) {
    this.note("", 0, true, await this.painted(run));
    await this.wait(this.settings.gap * 1000, run);
  }

  async flash(run) {
    const { view, settings, screen } = this;
    const log = (word, now) => view.recordingTime(now) !== null && view.log.add(word, view.recordingTime(now));
    this.flashing = true;
    const start = performance.now() + DARK_MS;
    for (let flash = 0; flash < settings.flashes; flash++) {
      await this.wait(start + flash * settings.period * 1000 - performance.now(), run);
      screen.classList.add("white");
      const now = await this.painted(run);
      log("flash", now);
      await this.wait(settings.flash * 1000 - (performance.now() - now), run);
      screen.classList.remove("white");
    }
    await this.wait(settings.period * 1000, run);
    this.flashing = false;
    log("flashed", performance.now());
  }

  // With every frame of the camera, while it may see flashes: how bright it is.
  light(now) {
    const { small, view } = this;
    const time = this.flashing ? view.recordingTime(now) : null;
    if (time === null) return;
    const context = small.getContext("2d", { willReadFrequently: true });
    context.drawImage(view.source, 0, 0, small.width, small.height);
    const { data } = context.getImageData(0, 0, small.width, small.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    view.log.add("light", time, sum / (data.length * 0.75) / 255);
  }

  async showStill(file, run) {
    const { still, settings } = this;
    const url = URL.createObjectURL(file);
    try {
      still.src = url;
      await still.decode().catch(() => this.broken(file));
      still.hidden = false;
      this.note(file.name, 0, true, await this.painted(run));
      await this.wait(settings.still * 1000, run);
    } finally {
      still.hidden = true;
      URL.revokeObjectURL(url);
    }
  }

  async playClip(file, run) {
    const { clip } = this;
    const { name } = file;
    const url = (this.url = URL.createObjectURL(file));
    const event = (happens) =>
      new Promise((done, failed) => {
        clip[`on${happens}`] = done;
        clip.onerror = () => failed(new Error(`${name} cannot be played in this browser.`));
      });
    try {
      clip.src = url;
      await Promise.race([event("canplaythrough"), run.stopped]);
      clip.hidden = false;
      const ended = event("ended");
      clip.onwaiting = clip.onpause = () => !clip.ended && this.note(name, clip.currentTime, false);
      this.followClip(name, url);
      await Promise.race([clip.play(), run.stopped]);
      await Promise.race([ended, run.stopped]);
    } finally {
      this.url = null;
      for (const happens of ["canplaythrough", "ended", "error", "waiting", "pause", "timeupdate"])
        clip[`on${happens}`] = null;
      clip.pause();
      clip.hidden = true;
      URL.revokeObjectURL(url);
    }
  }

  // Note where a video is whenever it is not where it should be: at its start, after a stall.
  followClip(name, url) {
    const { clip } = this;
    const take = (now, at) => {
      if (clip.paused || clip.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return;
      const { last } = this;
      const expected = last.name === name && last.running ? last.at + (now - last.now) / 1000 : NaN;
      if (!(Math.abs(at - expected) < DRIFT_S)) this.note(name, at, true, now);
    };
    if (!clip.requestVideoFrameCallback) {
      clip.ontimeupdate = () => take(performance.now(), clip.currentTime);
      return;
    }
    const frame = (_, { expectedDisplayTime, mediaTime }) => {
      if (this.url !== url) return;
      take(expectedDisplayTime, mediaTime);
      clip.requestVideoFrameCallback(frame);
    };
    clip.requestVideoFrameCallback(frame);
  }

  broken({ name }) {
    throw new Error(`${name} cannot be shown in this browser.`);
  }
}
