// fer_core/tracking/smoothing.py once more: probabilities and labels that do not flicker. Every
// number comes from there, as `k`.

import { Tracker } from "./tracker.js";

const argmax = (values) => values.indexOf(Math.max(...values));

export class EmotionSmoother {
  constructor(k) {
    this.k = k;
    this.tracker = new Tracker(k);
    this.states = new Map();
  }

  // Faces with `box` and `probabilities`; gives them `person`, `label`, smoothed ones, and
  // those of before as `measured`.
  smooth(faces, time, size, smoothing) {
    const numbers = this.tracker.update(faces.map((face) => face.box), time, size);
    const smoothed = faces.map((face, i) => this.face(face, numbers[i], time, smoothing));
    const known = new Set(this.tracker.tracks.map((track) => track.number));
    for (const number of this.states.keys()) if (!known.has(number)) this.states.delete(number);
    return smoothed;
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
