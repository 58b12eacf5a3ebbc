// fer_core/faces/blazeface.py once more, its search of live pictures: one network suspects,
// another looks closer. Every number comes from there, as `k`. A candidate is
// { x, y, w, h, points, logit }: middle and size of a box, the eyes first among the points.

import { Window } from "./pixels.js";

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
const logitOf = (score) => Math.log(score / (1 - score));

// A network: `run` takes a square as floats -1 to 1 and gives [regressors, logits].
export class Network {
  constructor(run, size, layers) {
    Object.assign(this, { run, size, anchors: [] });
    for (const [stride, number] of layers) {
      const side = size / stride;
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          for (let n = 0; n < number; n++) this.anchors.push([(x + 0.5) * stride, (y + 0.5) * stride]);
    }
  }

  async look(square, threshold) {
    const input = new Float32Array(square.length);
    for (let i = 0; i < input.length; i++) input[i] = square[i] / 127.5 - 1; // map() takes ten times as long
    const [regressors, logits] = await this.run(input);
    const least = logitOf(threshold);
    const found = [];
    for (let i = 0; i < logits.length; i++) {
      if (!(logits[i] > least)) continue;
      const [ax, ay] = this.anchors[i];
      const values = regressors.subarray(16 * i, 16 * i + 16);
      const points = [];
      for (let p = 4; p < 16; p += 2) points.push([values[p] + ax, values[p + 1] + ay]);
      const [x, y, w, h] = values;
      found.push({ x: x + ax, y: y + ay, w, h, points, logit: logits[i] });
    }
    return found;
  }
}

function overlap(a, b) {
  const across = Math.min(a.x + a.w / 2, b.x + b.w / 2) - Math.max(a.x - a.w / 2, b.x - b.w / 2);
  const down = Math.min(a.y + a.h / 2, b.y + b.h / 2) - Math.max(a.y - a.h / 2, b.y - b.h / 2);
  return Math.max(0, across) * Math.max(0, down);
}

// Overlapping ones averaged, the surest first.
const within = (a, b) => Math.abs(a.x - b.x) < b.w / 2 && Math.abs(a.y - b.y) < b.h / 2;

// Of two faces where the smaller has its centre within the larger, the surer one.
function withoutNested(faces) {
  const nested = (a, b) => (a.w * a.h < b.w * b.h ? within(a, b) : a.w * a.h > b.w * b.h && within(b, a));
  return faces.filter((a) => !faces.some((b) => b.logit > a.logit && nested(a, b)));
}

const merged = (candidates, least) => [...groups(candidates, least)];

// One after another, the surest that is left, averaged with all that overlap it, weighted by
// their scores.
function* groups(candidates, least) {
  let rest = [...candidates].sort((a, b) => b.logit - a.logit);
  while (rest.length) {
    const [first] = rest;
    const same = (other) => {
      const common = overlap(first, other);
      return other === first || common > least * (first.w * first.h + other.w * other.h - common);
    };
    const group = rest.filter(same);
    rest = rest.filter((other) => !same(other));
    const scores = group.map((c) => sigmoid(c.logit));
    const total = scores.reduce((a, b) => a + b);
    const mean = (value) => group.reduce((sum, c, i) => sum + (scores[i] / total) * value(c), 0);
    yield {
      x: mean((c) => c.x),
      y: mean((c) => c.y),
      w: mean((c) => c.w),
      h: mean((c) => c.h),
      points: first.points.map((_, i) => [mean((c) => c.points[i][0]), mean((c) => c.points[i][1])]),
      logit: first.logit,
    };
  }
}

function moved(candidate, window) {
  const [x, y] = window.toPicture([candidate.x, candidate.y]);
  const points = candidate.points.map((point) => window.toPicture(point));
  return { ...candidate, x, y, w: candidate.w * window.step, h: candidate.h * window.step, points };
}

// A Gaussian, reflected beyond the border.
function blurred(values, size, sigma) {
  const reach = 4 * sigma;
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / sigma) ** 2) / 2));
  const total = weights.reduce((a, b) => a + b);
  const reflected = (i) => (i < 0 ? -i : i >= size ? 2 * size - 2 - i : i);
  const along = (from, step, stride) => {
    const out = new Float64Array(from.length);
    for (let line = 0; line < size; line++)
      for (let i = 0; i < size; i++) {
        let sum = 0;
        weights.forEach((weight, w) => (sum += weight * from[line * stride + reflected(i + w - reach) * step]));
        out[line * stride + i * step] = sum / total;
      }
    return out;
  };
  return along(along(values, 1, size), size, 1);
}

function deviation(values) {
  const mean = values.reduce((a, b) => a + b) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

function rollOf({ points: [right, left] }) {
  return (Math.atan2(left[1] - right[1], left[0] - right[0]) * 180) / Math.PI;
}

export class BlazeFace {
  constructor(search, look, k, framing) {
    Object.assign(this, { search, close: look, k, framing });
    this.known = { faces: [], searched: -Infinity };
  }

  // The faces of a camera's picture at `time` in seconds, the largest first: { box, score,
  // frame, roll, points }. Searched for now and then, followed in between: fer_core/tracking/detector.py.
  async detect(pyramid, time) {
    const { width, height } = pyramid;
    let { faces, searched } = this.known;
    const same = width === this.known.width && height === this.known.height;
    const recent = same && faces.length && time - searched < this.k.MOMENT;
    faces = recent ? await this.follow(pyramid, faces) : null;
    if (!faces) {
      faces = await this.searched(pyramid);
      searched = time;
    }
    this.known = { faces, searched, width, height };
    return faces.sort((a, b) => b.w * b.h - a.w * a.h).map((face) => this.detection(face));
  }

  async follow(pyramid, faces) {
    const { k } = this;
    const now = [];
    for (const face of faces) {
      const seen = await this.looked(this.close, pyramid, face, k.FIRST_ZOOM, k.SUSPECT);
      if (seen.logit <= k.SURE) return null;
      now.push(seen);
    }
    return merged(now, k.OVERLAP).length < faces.length ? null : now;
  }

  async searched(pyramid) {
    const { k } = this;
    const suspects = await this.suspects(pyramid);
    const clear = (candidate) => candidate.logit > k.CLEAR;
    const faces = await this.faces(pyramid, suspects.filter(clear));
    if (faces.length) return withoutNested(faces);
    return withoutNested(await this.faces(pyramid, suspects.filter((c) => !clear(c))));
  }

  async suspects(pyramid) {
    const { k } = this;
    const window = pyramid.whole(this.search.size);
    const found = await this.search.look(pyramid.cut(window), k.SUSPECT);
    const here = merged(found, k.OVERLAP).map((c) => moved(c, window));
    const suspects = merged(here, k.OVERLAP);
    return suspects
      .filter((a, i) => !suspects.slice(0, i).some((b) => b.logit > k.LIKELY && within(a, b)))
      .slice(0, k.MAX_LOOKS);
  }

  async faces(pyramid, suspects) {
    const { k } = this;
    const kept = [];
    for (const suspect of suspects) {
      const first = await this.looked(this.close, pyramid, suspect, k.FIRST_ZOOM);
      const likely = (suspect.logit + first.logit) / 2;
      if (likely > k.SURE) kept.push({ ...first, logit: likely });
      if (likely > k.SURE || likely <= k.UNSURE || !this.detailed(pyramid, first)) continue;
      const second = await this.looked(this.close, pyramid, first, k.SECOND_ZOOM);
      second.logit = (suspect.logit + 2 * second.logit) / 3;
      if (second.logit > k.DECIDED) kept.push(second);
    }
    return merged(kept, k.OVERLAP);
  }

  // A closer look at one of them: what it shows in the middle, or the same with the logit
  // of nothing.
  async looked(network, pyramid, suspect, zoom, threshold = this.k.LOOK) {
    const side = (zoom * (suspect.w + suspect.h)) / 2;
    const window = new Window(suspect.x, suspect.y, side, network.size, rollOf(suspect));
    const middle = window.size / 2;
    const found = await network.look(pyramid.cut(window), threshold);
    for (const candidate of groups(found, this.k.OVERLAP))
      if (Math.hypot(candidate.x - middle, candidate.y - middle) < window.size / zoom / 2)
        return moved(candidate, window);
    return { ...suspect, logit: this.k.NOTHING };
  }

  // Whether there are details in it as there are in faces.
  detailed(pyramid, candidate) {
    const { DETAIL, DETAIL_SIZE: size } = this.k;
    const side = (candidate.w + candidate.h) / 2;
    const square = pyramid.cut(new Window(candidate.x, candidate.y, side, size, rollOf(candidate)));
    const grey = Float64Array.from({ length: size * size }, (_, i) =>
      (square[3 * i] + square[3 * i + 1] + square[3 * i + 2]) / 3);
    const fine = blurred(grey, size, 1), coarse = blurred(grey, size, 3);
    const edge = Math.floor(size / 6);
    const inner = (_, i) => [i % size, Math.floor(i / size)].every((at) => at >= edge && at < size - edge);
    return deviation(fine.map((v, i) => v - coarse[i]).filter(inner)) >= DETAIL * deviation(grey);
  }

  detection(face) {
    const { dx, dy, width, height } = this.framing;
    const { x, y, w, h } = face;
    const roll = rollOf(face);
    const side = Math.sqrt((w / width) * (h / height));
    const cos = Math.cos((roll * Math.PI) / 180), sin = Math.sin((roll * Math.PI) / 180);
    const left = x - (dx * cos - dy * sin) * side - side / 2;
    const top = y - (dx * sin + dy * cos) * side - side / 2;
    const frame = { x: left, y: top, side };
    const box = [x - w / 2, y - h / 2, w, h];
    return { box, score: sigmoid(face.logit), frame, roll, points: face.points };
  }
}
