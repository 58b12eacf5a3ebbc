// Analyses the camera's frames in the visitor's browser, beside the page: frames in, faces
// with their emotions out. Takes
//   { load: { runtime, search, look, model, size, luma, k, framing } }   addresses and numbers
//   { frame, time, largest, smoothing, prior }  an ImageBitmap, seconds, three options
// and answers { progress } (0 to 1), { ready }, { failed: 'simd' | 'load', why } or
//   { faces, time, width, height, frame, ms: { detect, classify, all } }.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

import { BlazeFace, Network } from "./blazeface.js";
import { fetched, unpacked } from "./files.js";
import { cropFace, Pyramid, quality } from "./pixels.js";
import { assumed } from "./prior.js";
import { EmotionSmoother } from "./smoothing.js";
import { oneAtOnce } from "./tflite.js";

// A function that uses one 128-bit vector.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

let ready;
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });

onmessage = async ({ data }) => {
  if (data.load) {
    try {
      if (!WebAssembly.validate(new Uint8Array(SIMD))) return postMessage({ failed: "simd" });
      ready = await load(data.load);
      postMessage({ ready: true });
    } catch (error) {
      postMessage({ failed: "load", why: String(error) });
    }
  } else if (data.frame) {
    try {
      postMessage(await analyze(data), [data.frame]);
    } catch (error) {
      postMessage({ failed: "analysis", why: String(error) });
    }
  }
};

async function load({ runtime, search, look, model, size, luma, k, framing }) {
  const files = fetched([runtime.wasm, search, look, model], (progress) => postMessage({ progress }));
  // Given the program itself, the runtime looks for none.
  const quiet = () => {};
  self.Module = { wasmBinary: await unpacked((await files)[0]), print: quiet, printErr: quiet };
  await loadLiteRt(runtime.script);
  const network = async (content, side) => {
    const compiled = await loadAndCompile(oneAtOnce(content), { accelerator: "wasm" });
    return (values) => run(compiled, values, [1, side, side, 3]);
  };
  const [, a, b, c] = await files;
  const detector = new BlazeFace(
    new Network(await network(a, 256), 256, [[16, 2], [32, 6]]),
    new Network(await network(b, 128), 128, [[8, 2], [16, 6]]),
    k,
    framing,
  );
  return { detector, classify: await network(c, size), smoother: new EmotionSmoother(k), size, luma };
}

async function run(compiled, values, shape) {
  const tensor = new Tensor(values, shape);
  const outputs = await compiled.run(tensor);
  const arrays = outputs.map((output) => output.toTypedArray().slice());
  tensor.delete();
  for (const output of outputs) output.delete();
  return arrays;
}

async function analyze({ frame, time, largest, smoothing, prior }) {
  const { detector, classify, smoother, size, luma } = ready;
  const start = performance.now();
  const { width, height } = frame;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.drawImage(frame, 0, 0);
  const picture = context.getImageData(0, 0, width, height);
  const detections = await detector.detect(new Pyramid(picture), time);
  const detected = performance.now();
  const faces = [];
  for (const found of largest ? detections.slice(0, 1) : detections) {
    const { box, score, points } = found;
    const crop = cropFace(picture, found.frame, found.roll, size);
    const { sharpness, brightness } = quality(crop, size, luma);
    const [answer] = await classify(crop);
    const probabilities = assumed(Array.from(answer), prior);
    faces.push({ box, score, points, sharpness, brightness, probabilities });
  }
  const done = performance.now();
  return {
    faces: smoother.smooth(faces, time, [width, height], smoothing),
    time,
    width,
    height,
    frame,
    ms: { detect: detected - start, classify: done - detected, all: done - start },
  };
}
