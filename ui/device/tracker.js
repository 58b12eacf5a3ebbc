// fer_core/tracking/motion.py and tracker.py once more: one number per person from frame to
// frame. Every number comes from there, as `k`; a test compares the two.

const FORBIDDEN = 1e6;

// Centre, and logarithm of the side.
const measured = ([x, y, w, h]) => [x + w / 2, y + h / 2, Math.log(Math.max(w * h, 1e-6)) / 2];

class Axis {
  constructor(value, noise, speed) {
    Object.assign(this, { value, speed: 0, variance: noise ** 2, shared: 0, speedVariance: speed ** 2 });
  }

  predict(seconds, drift, fade) {
    const left = Math.exp(-seconds / fade), reach = fade * (1 - left), noise = drift * drift;
    this.value += reach * this.speed;
    this.speed *= left;
    this.variance += reach * (2 * this.shared + reach * this.speedVariance);
    this.variance += (noise * seconds ** 3) / 3;
    this.shared = left * (this.shared + reach * this.speedVariance) + (noise * seconds ** 2) / 2;
    this.speedVariance = left * left * this.speedVariance + noise * seconds;
  }

  update(seen, noise) {
    const total = this.variance + noise * noise;
    const gain = this.variance / total, speedGain = this.shared / total;
    const error = seen - this.value;
    this.value += gain * error;
    this.speed += speedGain * error;
    this.speedVariance -= speedGain * this.shared;
    this.shared *= 1 - gain;
    this.variance *= 1 - gain;
  }

  rescale(factor) {
    this.value *= factor;
    this.speed *= factor;
    this.variance *= factor * factor;
    this.shared *= factor * factor;
    this.speedVariance *= factor * factor;
  }
}

class Motion {
  constructor(box, k) {
    const [x, y, size] = measured(box);
    const side = Math.exp(size);
    this.k = k;
    this.x = new Axis(x, k.PLACE_NOISE * side, k.PLACE_SPEED * side);
    this.y = new Axis(y, k.PLACE_NOISE * side, k.PLACE_SPEED * side);
    this.size = new Axis(size, k.SIZE_NOISE, k.SIZE_SPEED);
  }

  get side() {
    return Math.exp(this.size.value);
  }

  predict(seconds) {
    if (seconds <= 0) return;
    const { k, side } = this;
    this.x.predict(seconds, k.PLACE_DRIFT * side, k.FADE);
    this.y.predict(seconds, k.PLACE_DRIFT * side, k.FADE);
    this.size.predict(seconds, k.SIZE_DRIFT, k.FADE);
  }

  update(box) {
    const [x, y, size] = measured(box);
    const noise = this.k.PLACE_NOISE * this.side;
    this.x.update(x, noise);
    this.y.update(y, noise);
    this.size.update(size, this.k.SIZE_NOISE);
  }

  // Twice the negative log likelihood of a box, but for a constant; FORBIDDEN beyond the gate.
  cost(box) {
    const { k } = this;
    const [x, y, size] = measured(box);
    const square = this.side ** 2;
    const spreadX = this.x.variance / square + k.PLACE_NOISE ** 2;
    const spreadY = this.y.variance / square + k.PLACE_NOISE ** 2;
    const spreadSize = this.size.variance + k.SIZE_NOISE ** 2;
    const away =
      (x - this.x.value) ** 2 / square / spreadX +
      (y - this.y.value) ** 2 / square / spreadY +
      (size - this.size.value) ** 2 / spreadSize;
    return away > k.GATE ? FORBIDDEN : away + Math.log(spreadX * spreadY * spreadSize);
  }

  rescale(x, y) {
    this.x.rescale(x);
    this.y.rescale(y);
    this.size.value += Math.log(x * y) / 2;
  }
}

export class Tracker {
  constructor(k) {
    this.k = k;
    this.tracks = [];
    this.time = 0;
    this.next = 1;
  }

  update(boxes, time, [width, height]) {
    const { k } = this;
    if (this.shape && (width !== this.shape[0] || height !== this.shape[1]))
      for (const { motion } of this.tracks) motion.rescale(width / this.shape[0], height / this.shape[1]);
    this.shape = [width, height];
    let step = time - this.time;
    if (step > k.KEEP) step = k.PAUSE;
    this.time = time;
    for (const track of this.tracks) track.missing += step;
    this.tracks = this.tracks.filter((track) => track.missing <= k.KEEP);
    for (const { motion } of this.tracks) motion.predict(step);
    const costs = this.tracks.map(({ motion }) => boxes.map((box) => motion.cost(box)));
    const numbers = boxes.map(() => 0);
    for (const [row, column] of assign(costs)) {
      if (costs[row][column] >= FORBIDDEN) continue;
      const track = this.tracks[row];
      numbers[column] = track.number;
      track.motion.update(boxes[column]);
      track.missing = 0;
    }
    boxes.forEach((box, i) => {
      if (numbers[i]) return;
      numbers[i] = this.next++;
      this.tracks.push({ number: numbers[i], motion: new Motion(box, k), missing: 0 });
    });
    return numbers;
  }
}

// The cheapest assignment of rows to columns (Kuhn 1955; shortest augmenting paths, Jonker and
// Volgenant 1987), as scipy.optimize.linear_sum_assignment gives it.
export function assign(costs) {
  const rows = costs.length, columns = rows && costs[0].length;
  if (!rows || !columns) return [];
  if (rows > columns) {
    const turned = costs[0].map((_, column) => costs.map((row) => row[column]));
    return assign(turned).map(([column, row]) => [row, column]);
  }
  const rowPrice = Array(rows + 1).fill(0), columnPrice = Array(columns + 1).fill(0);
  const taken = Array(columns + 1).fill(0), from = Array(columns + 1).fill(0); // 0: nobody
  for (let row = 1; row <= rows; row++) {
    taken[0] = row;
    let column = 0;
    const least = Array(columns + 1).fill(Infinity), visited = Array(columns + 1).fill(false);
    do {
      visited[column] = true;
      const current = taken[column];
      let step = Infinity, next = 0;
      for (let other = 1; other <= columns; other++) {
        if (visited[other]) continue;
        const price = costs[current - 1][other - 1] - rowPrice[current] - columnPrice[other];
        if (price < least[other]) {
          least[other] = price;
          from[other] = column;
        }
        if (least[other] < step) {
          step = least[other];
          next = other;
        }
      }
      for (let other = 0; other <= columns; other++) {
        if (visited[other]) {
          rowPrice[taken[other]] += step;
          columnPrice[other] -= step;
        } else least[other] -= step;
      }
      column = next;
    } while (taken[column]);
    while (column) {
      taken[column] = taken[from[column]];
      column = from[column];
    }
  }
  return taken.flatMap((row, column) => (column && row ? [[row - 1, column - 1]] : []));
}
