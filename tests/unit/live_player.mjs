// Checks of ui/live/player.js, which the test puts before this file, after page_log.js. The page
// is made: its clock goes on when the player waits, and its elements remember what they are told.
import assert from "node:assert/strict";

const write = (element, text) => (element.textContent = text);
let now = 1000, timers = [];

function at(when, run) {
  timers.push({ when, run });
}

// Let the clock go on until the player has ended.
async function pass(until, limit = 1e6) {
  while (!until() && now < limit) {
    for (let turn = 0; turn < 30; turn++) await null;
    if (until()) return;
    if (!timers.length) return;
    timers.sort((a, b) => a.when - b.when);
    const { when, run } = timers.shift();
    now = Math.max(now, when);
    run(now);
  }
}

globalThis.performance = { now: () => now };
globalThis.setTimeout = (run, ms) => at(now + ms, run);
globalThis.requestAnimationFrame = (run) => at((Math.floor(now / 16) + 1) * 16, run);
globalThis.HTMLMediaElement = { HAVE_FUTURE_DATA: 3 };
URL.createObjectURL = (file) => `blob:${file.name}`;
URL.revokeObjectURL = () => {};

// A video of some seconds that stalls once, or that no browser can play.
class Clip {
  constructor({ seconds = 2, stall = null, broken = false } = {}) {
    Object.assign(this, { seconds, stall, broken, hidden: true, paused: true, ended: false, readyState: 4 });
    Object.assign(this, { currentTime: 0, callbacks: [] });
  }

  set src(url) {
    Object.assign(this, { currentTime: 0, ended: false });
    at(now + 5, () => (this.broken ? this.onerror() : this.oncanplaythrough()));
  }

  async play() {
    this.paused = false;
    at(now + 20, () => this.frame());
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    this.onpause?.();
    // A browser may still show a frame that was on its way.
    for (const run of this.callbacks.splice(0)) run(now, { expectedDisplayTime: now + 16, mediaTime: this.currentTime });
  }

  requestVideoFrameCallback(run) {
    this.callbacks.push(run);
  }

  frame() {
    if (this.paused) return;
    const shown = { expectedDisplayTime: now, mediaTime: this.currentTime };
    for (const run of this.callbacks.splice(0)) run(now, shown);
    if (this.currentTime >= this.seconds) {
      this.ended = true;
      return this.onended();
    }
    if (this.stall && this.currentTime >= this.stall.at) {
      this.onwaiting();
      at(now + this.stall.ms, () => this.frame());
      this.stall = null;
      return;
    }
    this.currentTime += 0.04;
    at(now + 40, () => this.frame());
  }
}

function made({ clip = new Clip(), recording = true, settings = {} } = {}) {
  globalThis.document = {
    createElement: () => ({
      getContext: () => ({ drawImage: () => {}, getImageData: () => ({ data: [255, 255, 255, 255] }) }),
    }),
    fullscreenElement: null,
    exitFullscreen: async () => {},
  };
  const flashes = [];
  const classes = new Set();
  const classList = {
    add: (name) => (classes.add(name), flashes.push({ on: now })),
    remove: (name) => classes.delete(name) && (flashes.at(-1).off = now),
  };
  const elements = {
    "#stimuli": {}, "#playlist": { replaceChildren: (...all) => (elements.listed = all.length) }, "#played": {},
    "#play": {}, "#files": {}, "#clip": clip, "#still": { decode: async () => {}, hidden: true },
    "#screen": { classList, hidden: true, focus: () => {} },
  };
  const view = {
    log: new PageLog(1), source: {}, report: () => {},
    recordingTime: (when) => (recording ? (when - 500) / 1000 : null),
  };
  const player = new Player(view, { querySelector: (name) => elements[name] });
  const give = (order = null) =>
    player.heed({ on: true, order: order ?? player.files.map((_, i) => i), problem: "", gap: 1, still: 3,
      flashes: 0, period: 1, flash: 0.25, ...settings });
  give([]);
  return { player, view, elements, flashes, give };
}

const files = (...names) =>
  names.map((name) => ({ name, type: name.endsWith(".mp4") ? "video/mp4" : "image/png" }));
const shown = (view) => view.log.entries.filter(([word]) => word === "show").map(([, ...rest]) => rest);

// Where in a stimulus the log says that the screen is at a time of the recording.
function place(view, time) {
  const [began, name, start, running] = shown(view).filter(([when]) => when <= time).at(-1);
  return [name, running ? start + time - began : start];
}

{
  const { player, elements, give } = made();
  player.choose(files("10.png", "9.png"));
  assert.equal(elements["#play"].disabled, true); // Python has not said the order yet
  give();
  assert.deepEqual([elements["#play"].disabled, elements.listed], [false, 2]);
  assert.deepEqual(player.names, ["9.png", "10.png"]);
}
{
  const { player, elements, give } = made({ recording: false });
  player.choose(files("a.png"));
  give();
  assert.equal(elements["#play"].disabled, true);
  assert.match(elements["#played"].textContent, /record numbers first/);
}
{
  // Pictures and gaps last as long as they should, in the order that Python says.
  const { player, view, elements, give } = made();
  player.choose(files("a.png", "b.png"));
  give([1, 0]);
  player.play();
  assert.equal(elements["#screen"].hidden, false);
  await pass(() => !player.playing);
  const found = shown(view);
  assert.deepEqual(found.map(([, name]) => name), ["", "b.png", "", "a.png", "", ""]);
  const lasts = found.slice(0, 5).map(([time], i) => found[i + 1][0] - time);
  for (const [i, seconds] of [1, 3, 1, 3, 1].entries()) assert.ok(Math.abs(lasts[i] - seconds) < 0.05, lasts);
  assert.equal(elements["#screen"].hidden, true);
  assert.equal(elements["#played"].textContent, "All stimuli were shown.");
}
{
  // A stalled video stands still in the log, and goes on where it is.
  const clip = new Clip({ seconds: 2, stall: { at: 1, ms: 700 } });
  const { player, view, give } = made({ clip });
  player.choose(files("cat.mp4"));
  give();
  player.play();
  await pass(() => !player.playing);
  const cat = shown(view).filter(([, name]) => name === "cat.mp4");
  assert.deepEqual(cat.map(([, , , running]) => running), [true, false, true]);
  const [start, stalled, again] = cat.map(([time]) => time);
  assert.ok(Math.abs(stalled - start - 1) < 0.05 && Math.abs(again - stalled - 0.7) < 0.05);
  const [, there] = place(view, stalled + 0.5);
  assert.ok(Math.abs(there - 1) < 0.05);
  assert.ok(Math.abs(place(view, again + 0.5)[1] - 1.5) < 0.05);
}
{
  // The space bar holds a video, Escape ends it all.
  const { player, view, elements, give } = made({ clip: new Clip({ seconds: 5 }) });
  const press = (key) => elements["#screen"].onkeydown({ key, preventDefault: () => {} });
  player.choose(files("cat.mp4"));
  give();
  player.play();
  const from = now;
  await pass(() => now > from + 2000);
  press(" ");
  const [held] = shown(view).at(-1);
  at(now + 1500, () => press(" "));
  await pass(() => now > from + 5000);
  assert.ok(place(view, held + 1.4)[1] === place(view, held)[1]);
  press("Escape");
  await pass(() => !timers.length);
  assert.equal(player.playing, null);
  assert.deepEqual(shown(view).at(-1).slice(1), ["", 0, true]);
  timers = [];
}
{
  // Five flashes, one a second: never three within a second.
  const { player, view, flashes, give } = made({ settings: { flashes: 5 } });
  player.choose(files("a.png"));
  give();
  player.play();
  const from = now;
  for (let time = from; time < from + 7000; time += 33) at(time, () => player.light(now));
  await pass(() => !player.playing);
  assert.equal(flashes.length, 5);
  for (const [i, { on, off }] of flashes.entries()) {
    assert.ok(off - on > 200 && off - on < 350);
    if (i) assert.ok(Math.abs(on - flashes[i - 1].on - 1000) < 60);
  }
  const told = view.log.entries.filter(([word]) => word === "flash").map(([, time]) => time);
  flashes.forEach(({ on }, i) => assert.ok(Math.abs(told[i] - (on - 500) / 1000) < 0.04));
  const words = view.log.entries.map(([word]) => word);
  assert.ok(words.indexOf("flashed") > words.lastIndexOf("flash"));
  assert.ok(words.lastIndexOf("light") < words.indexOf("flashed"));
  assert.ok(words.filter((word) => word === "light").length > 150);
  const [, , bright] = view.log.entries.find(([word]) => word === "light");
  assert.ok(Math.abs(bright - 1) < 1e-9);
}
{
  const { player, elements, give } = made({ clip: new Clip({ broken: true }) });
  player.choose(files("cat.mp4"));
  give();
  player.play();
  await pass(() => !player.playing);
  assert.equal(elements["#played"].textContent, "cat.mp4 cannot be played in this browser.");
  assert.equal(elements["#screen"].hidden, true);
}
