// fer_core/tracking/tracker.py and steady.py once more: who is who from frame to frame, and
// probabilities and labels that do not flicker. Every number comes from there, as `k`.

const side = ([, , w, h]) => Math.sqrt(w * h);

function distance(a, b) {
  const dx = a[0] + a[2] / 2 - b[0] - b[2] / 2, dy = a[1] + a[3] / 2 - b[1] - b[3] / 2;
  return Math.hypot(dx, dy) / Math.max((side(a) + side(b)) / 2, 1e-6);
}

function growth(a, b) {
  const ratio = Math.sqrt(Math.max(a[2] * a[3], 1e-6) / Math.max(b[2] * b[3], 1e-6));
  return Math.max(ratio, 1 / ratio);
}

class Tracker {
  constructor(k) {
    this.k = k;
    this.tracks = [];
    this.next = 1;
  }

  update(boxes, time) {
    const { k } = this;
    this.tracks = this.tracks.filter((track) => time - track.seen <= k.KEEP);
    const pairs = [];
    boxes.forEach((box, i) => {
      for (const track of this.tracks) {
        const far = distance(box, track.box);
        const reach = k.REACH + k.REACH_PER_SECOND * (time - track.seen);
        if (far <= reach && growth(box, track.box) <= k.GROWTH) pairs.push([far, i, track]);
      }
    });
    const numbers = boxes.map(() => 0);
    const joined = new Set();
    for (const [, i, track] of pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      if (numbers[i] || joined.has(track.number)) continue;
      numbers[i] = track.number;
      joined.add(track.number);
      Object.assign(track, { box: boxes[i], seen: time });
    }
    boxes.forEach((box, i) => {
      if (numbers[i]) return;
      numbers[i] = this.next++;
      this.tracks.push({ number: numbers[i], box, seen: time });
    });
    return numbers;
  }
}

const argmax = (values) => values.indexOf(Math.max(...values));

export class Steadier {
  constructor(k) {
    this.k = k;
    this.tracker = new Tracker(k);
    this.states = new Map();
  }

  // Faces with `box` and `probabilities`; gives them `person`, `label`, smoothed ones, and
  // those of before as `measured`.
  steady(faces, time, smoothing) {
    const numbers = this.tracker.update(faces.map((face) => face.box), time);
    const steadied = faces.map((face, i) => this.face(face, numbers[i], time, smoothing));
    const known = new Set(this.tracker.tracks.map((track) => track.number));
    for (const number of this.states.keys()) if (!known.has(number)) this.states.delete(number);
    return steadied;
  }

  face(face, person, time, smoothing) {
    const now = face.probabilities;
    let state = this.states.get(person);
    if (!state) {
      state = { time, probabilities: now, label: argmax(now), challenger: null, since: 0 };
      this.states.set(person, state);
    } else {
      const weight = smoothing > 0 ? 1 - Math.exp(-(time - state.time) / smoothing) : 1;
      state.probabilities = state.probabilities.map((p, i) => p + weight * (now[i] - p));
      state.time = time;
      this.holdLabel(state, time);
    }
    const { probabilities, label } = state;
    return { ...face, person, probabilities, measured: now, label };
  }

  holdLabel(state, time) {
    const top = argmax(state.probabilities);
    if (top === state.label) return (state.challenger = null);
    if (top !== state.challenger) Object.assign(state, { challenger: top, since: time });
    const lead = state.probabilities[top] - state.probabilities[state.label];
    if (lead >= this.k.LEAD || time - state.since >= this.k.PATIENCE)
      Object.assign(state, { label: top, challenger: null });
  }
}
