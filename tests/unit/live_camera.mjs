// Checks of ui/live/camera.js, which the test puts before this file. Prints one line of JSON:
// the names of the checks and what failed.
import assert from "node:assert/strict";

const results = {};

async function check(name, run) {
  try {
    await run();
    results[name] = null;
  } catch (error) {
    results[name] = String(error.stack ?? error);
  }
}

const failure = (name, message = "") => Object.assign(new Error(message), { name });

// A browser with cameras { id: error or undefined }. `asked` takes what each call asked for.
function browser(cameras, { named = true, system = "" } = {}) {
  const asked = [];
  const mediaDevices = {
    async getUserMedia({ video }) {
      asked.push(video);
      const id = video.deviceId ? video.deviceId.exact : Object.keys(cameras)[0];
      if (!(id in cameras)) throw failure(id ? "OverconstrainedError" : "NotFoundError");
      if (cameras[id]) throw cameras[id];
      return { id, getTracks: () => [] };
    },
    async enumerateDevices() {
      return Object.keys(cameras).map((id) => ({ kind: "videoinput", deviceId: named ? id : "" }));
    },
  };
  const navigator = { mediaDevices, platform: system };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  globalThis.window = { self: 1, top: 1 };
  return asked;
}

const busy = failure("NotReadableError", "Could not start video source");

await check("the height and the shape are left to the camera", async () => {
  const asked = browser({ one: undefined });
  assert.equal((await openCamera({})).stream.id, "one");
  assert.equal(asked[0].height, undefined);
  assert.equal(asked[0].aspectRatio, undefined);
  assert.equal(asked[0].resizeMode, "none");
  assert.deepEqual(asked[0].width, { ideal: 1280 });
});

await check("the resolution and the side that were chosen are asked for", async () => {
  const asked = browser({ one: undefined });
  await openCamera({ size: "1080", facing: "environment" });
  assert.deepEqual(asked[0].width, { ideal: 1920 });
  assert.equal(asked[0].facingMode, "environment");
});

await check("another camera takes the place of a busy one", async () => {
  browser({ one: undefined, two: busy });
  const { stream, instead } = await openCamera({ camera: "two" });
  assert.deepEqual([stream.id, instead], ["one", "instead_busy"]);
});

await check("another camera takes the place of one that is gone", async () => {
  browser({ one: busy, three: undefined });
  const { stream, instead } = await openCamera({ camera: "two" });
  assert.deepEqual([stream.id, instead], ["three", "instead_gone"]);
});

await check("without ids any camera takes the place of one that is gone", async () => {
  browser({ one: undefined }, { named: false });
  assert.equal((await openCamera({ camera: "two" })).stream.id, "one");
});

await check("a camera that is busy alone is called busy", async () => {
  browser({ one: busy });
  assert.deepEqual(await openCamera({ camera: "one" }), { cause: "busy" });
  assert.deepEqual(await openCamera({}), { cause: "busy" });
});

await check("a switch tries no other camera", async () => {
  const asked = browser({ one: undefined, two: busy });
  assert.deepEqual(await openCamera({ camera: "two" }, true), { cause: "busy" });
  assert.equal(asked.length, 1);
});

await check("a refused camera is not asked for again", async () => {
  const asked = browser({ one: failure("NotAllowedError"), two: undefined });
  assert.deepEqual(await openCamera({ camera: "one" }), { cause: "refused" });
  assert.equal(asked.length, 1);
});

for (const [system, cause] of [["Win32", "refused_windows"], ["MacIntel", "refused_macos"], ["Linux x86_64", "refused_system"]])
  await check(`the settings of ${system} are named`, async () => {
    browser({ one: failure("NotAllowedError", "Permission denied by system") }, { system });
    assert.deepEqual(await openCamera({}), { cause });
  });

await check("the whole view is scaled in its own shape", () => {
  assert.deepEqual(fit(641, 479, "auto"), [641, 479]);
  assert.deepEqual(fit(480, 640, "auto"), [480, 640]);
  assert.deepEqual(fit(1280, 720, "auto"), [740, 416]);
  assert.deepEqual(fit(1920, 1080, "480"), [854, 480]);
  assert.deepEqual(fit(720, 1280, "480"), [480, 854]);
  assert.deepEqual(fit(1280, 720, "720"), [1280, 720]);
  assert.deepEqual(fit(640, 480, "1080"), [640, 480]);
});

// Every event in every phase, from the events that lead to it.
const WAYS = {
  off: [],
  asking: ["start"],
  connecting: ["start", "opened"],
  on: ["start", "opened", "live"],
  failed: ["start", "fail"],
  lost: ["start", "opened", "live", "lose"],
};
const MEANS = {
  off: { start: "asking" },
  asking: { opened: "connecting", fail: "failed", stop: "off" },
  connecting: { live: "on", fail: "failed", lose: "lost", stop: "off" },
  on: { fail: "failed", lose: "lost", stop: "off" },
  failed: { start: "asking" },
  lost: { start: "asking" },
};
for (const [phase, way] of Object.entries(WAYS))
  await check(`each answer has one meaning in the phase ${phase}`, () => {
    for (const event of ["start", "opened", "live", "fail", "lose", "stop"]) {
      let changes = 0;
      const states = new States(() => (changes += 1));
      for (const step of way) assert.ok(states.take(step), `${step} leads to ${phase}`);
      assert.equal(states.phase, phase);
      const wanted = MEANS[phase][event];
      const before = changes;
      assert.equal(states.take(event), Boolean(wanted), event);
      assert.equal(states.phase, wanted ?? phase, event);
      assert.equal(changes - before, wanted ? 1 : 0, event);
    }
  });

await check("an answer after Stop changes nothing", () => {
  const states = new States();
  states.take("start");
  const { turn } = states;
  states.take("stop");
  for (const late of ["opened", "fail", "live", "lose"]) assert.equal(states.take(late, turn, "busy"), false);
  assert.deepEqual([states.phase, states.cause], ["off", null]);
});

await check("an answer to an earlier Start changes nothing, twice or not", () => {
  const states = new States();
  states.take("start");
  const { turn } = states;
  states.take("stop");
  states.take("start");
  for (const late of ["fail", "opened", "opened", "stop"]) assert.equal(states.take(late, turn), false);
  assert.equal(states.phase, "asking");
  assert.equal(states.current(turn), false);
  assert.equal(states.current(states.turn), true);
});

await check("a cause is forgotten with the next Start", () => {
  const states = new States();
  states.take("start");
  states.take("fail", states.turn, "busy");
  assert.equal(states.cause, "busy");
  states.take("start");
  assert.equal(states.cause, null);
});

const picture = (value) => new Uint8ClampedArray([value, value, value, 255, value, value, value, 255]);

// Three seconds of a camera at 4 samples a second; `see` gives what is sampled, null for no frame.
function watched(see) {
  const watch = new FrameWatch(0);
  let first = null;
  for (let now = 250; now <= 3000; now += 250) {
    const value = see(now);
    if (value !== null) {
      watch.frame(now);
      watch.sample(picture(value), now);
    }
    first ??= watch.trouble(now) && now;
  }
  return [watch.trouble(3000), first];
}

await check("a camera without frames is called that within three seconds", () => {
  assert.deepEqual(watched(() => null), ["no_frames", 2750]);
});

await check("frames that stop are noticed", () => {
  const [trouble] = watched((now) => (now < 300 ? now / 2 : null));
  assert.equal(trouble, "no_frames");
});

await check("a black picture is called that, noise or not", () => {
  assert.equal(watched(() => 0)[0], "black");
  assert.equal(watched((now) => (now / 250) % 9)[0], "black");
});

await check("a picture that does not change is frozen, one that does is not", () => {
  assert.equal(watched(() => 120)[0], "frozen");
  assert.deepEqual(watched((now) => 100 + (now / 250) % 2), [null, null]);
});

await check("nothing is wrong any more as soon as frames return", () => {
  const watch = new FrameWatch(0);
  assert.equal(watch.trouble(5000), "no_frames");
  watch.frame(5100);
  watch.sample(picture(90), 5100);
  assert.equal(watch.trouble(5100), null);
});

console.log(JSON.stringify(results));
