// Pictures, and squares cut out of them: fer_core/faces/pyramid.py and crop_face of
// fer_core/preprocess.py once more, to the pixel. A picture is { width, height, data },
// four bytes a pixel; a square is an array of three floats a pixel, whole numbers 0 to 255.

const rad = (degrees) => (degrees * Math.PI) / 180;

// The mean of each block of `factor` by `factor` pixels; what is left over is dropped.
export function reduced(picture, factor) {
  const width = Math.floor(picture.width / factor);
  const height = Math.floor(picture.height / factor);
  const data = new Uint8Array(width * height * 4);
  const area = factor * factor;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 4) {
      let r = 0, g = 0, b = 0;
      for (let dy = 0; dy < factor; dy++) {
        let from = ((y * factor + dy) * picture.width + x * factor) * 4;
        for (let dx = 0; dx < factor; dx++, from += 4) {
          r += picture.data[from];
          g += picture.data[from + 1];
          b += picture.data[from + 2];
        }
      }
      data[to] = (r / area + 0.5) | 0;
      data[to + 1] = (g / area + 0.5) | 0;
      data[to + 2] = (b / area + 0.5) | 0;
    }
  }
  return { width, height, data };
}

function part(picture, left, top, right, bottom) {
  const width = right - left, height = bottom - top;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 4;
    data.set(picture.data.subarray(from, from + width * 4), y * width * 4);
  }
  return { width, height, data };
}

// `size` by `size` pixels; the pixel (x, y) comes from (a·x + b·y + tx, c·x + d·y + ty), to a
// 32nd of a pixel, as OpenCV's warpAffine counts.
function warp({ width, height, data }, size, [a, b, c, d], tx, ty, reflect) {
  const out = new Float32Array(size * size * 3);
  const inside = (value, length) => value >= 0 && value < length;
  const mirrored = (value, length) => {
    if (length === 1) return 0;
    while (!inside(value, length)) value = value < 0 ? -value : 2 * length - 2 - value;
    return value;
  };
  const add = (to, x, y, weight) => {
    if (reflect) {
      x = mirrored(x, width);
      y = mirrored(y, height);
    } else if (!inside(x, width) || !inside(y, height)) return;
    const from = (y * width + x) * 4;
    out[to] += weight * data[from];
    out[to + 1] += weight * data[from + 1];
    out[to + 2] += weight * data[from + 2];
  };
  const fixed = (value) => Math.round(value * 1024);
  const across = Int32Array.from({ length: size }, (_, x) => fixed(a * x));
  const down = Int32Array.from({ length: size }, (_, x) => fixed(c * x));
  for (let y = 0, to = 0; y < size; y++) {
    const left = fixed(b * y + tx) + 16, top = fixed(d * y + ty) + 16;
    for (let x = 0; x < size; x++, to += 3) {
      const sx = (left + across[x]) >> 5, sy = (top + down[x]) >> 5;
      const x0 = sx >> 5, y0 = sy >> 5;
      const fx = (sx & 31) / 32, fy = (sy & 31) / 32;
      if (x0 >= 0 && y0 >= 0 && x0 + 1 < width && y0 + 1 < height) {
        const p = (y0 * width + x0) * 4, q = p + width * 4;
        const w00 = (1 - fx) * (1 - fy), w01 = fx * (1 - fy), w10 = (1 - fx) * fy, w11 = fx * fy;
        // Rounded here: reading a typed array again costs as much as the sum.
        out[to] = (w00 * data[p] + w01 * data[p + 4] + w10 * data[q] + w11 * data[q + 4] + 0.5) | 0;
        out[to + 1] =
          (w00 * data[p + 1] + w01 * data[p + 5] + w10 * data[q + 1] + w11 * data[q + 5] + 0.5) | 0;
        out[to + 2] =
          (w00 * data[p + 2] + w01 * data[p + 6] + w10 * data[q + 2] + w11 * data[q + 6] + 0.5) | 0;
      } else {
        add(to, x0, y0, (1 - fx) * (1 - fy));
        add(to, x0 + 1, y0, fx * (1 - fy));
        add(to, x0, y0 + 1, (1 - fx) * fy);
        add(to, x0 + 1, y0 + 1, fx * fy);
        out[to] = Math.round(out[to]);
        out[to + 1] = Math.round(out[to + 1]);
        out[to + 2] = Math.round(out[to + 2]);
      }
    }
  }
  return out;
}

// A square of a picture, possibly turned: the middle, its side there and in its own pixels.
export class Window {
  constructor(cx, cy, side, size, roll = 0) {
    Object.assign(this, { cx, cy, side, size, step: side / size });
    const cos = Math.cos(rad(roll)) * this.step, sin = Math.sin(rad(roll)) * this.step;
    this.matrix = [cos, -sin, sin, cos];
  }

  toPicture([x, y]) {
    const [a, b, c, d] = this.matrix, u = x - this.size / 2, v = y - this.size / 2;
    return [a * u + b * v + this.cx, c * u + d * v + this.cy];
  }
}

// A picture and its halved copies, each made when it is first needed.
export class Pyramid {
  constructor(picture) {
    this.width = picture.width;
    this.height = picture.height;
    this.levels = [picture];
  }

  whole(size) {
    return new Window(this.width / 2, this.height / 2, Math.max(this.width, this.height), size);
  }

  // Black beyond the border.
  cut(window) {
    const wanted = Math.floor(Math.log2(Math.max(window.step, 1)));
    for (let last; this.levels.length <= wanted; this.levels.push(reduced(last, 2))) {
      last = this.levels.at(-1);
      if (Math.min(last.width, last.height) < 4) break;
    }
    const level = Math.min(wanted, this.levels.length - 1);
    const scale = 2 ** level;
    const [x, y] = window.toPicture([0.5, 0.5]);
    const matrix = window.matrix.map((v) => v / scale);
    return warp(this.levels[level], window.size, matrix, x / scale - 0.5, y / scale - 0.5, false);
  }
}

// A face as models take it: the square `frame` turned upright, reflected beyond the border.
export function cropFace(picture, { x, y, side }, roll, size) {
  let cx = x + side / 2, cy = y + side / 2;
  const reach = side * 0.75 + 2;
  const left = Math.max(0, Math.trunc(cx - reach)), top = Math.max(0, Math.trunc(cy - reach));
  const right = Math.min(picture.width, Math.trunc(cx + reach) + 1);
  const bottom = Math.min(picture.height, Math.trunc(cy + reach) + 1);
  if (right - left < 2 || bottom - top < 2) return new Float32Array(size * size * 3).fill(127);
  let around = part(picture, left, top, right, bottom);
  cx -= left;
  cy -= top;
  const factor = Math.max(1, Math.trunc(side / size));
  if (factor > 1) around = reduced(around, factor);
  const step = side / size;
  const cos = Math.cos(rad(roll)) * step, sin = Math.sin(rad(roll)) * step;
  const middle = size / 2 - 0.5;
  const tx = (cx - (cos - sin) * middle) / factor - 0.5;
  const ty = (cy - (sin + cos) * middle) / factor - 0.5;
  return warp(around, size, [cos, -sin, sin, cos].map((v) => v / factor), tx, ty, true);
}

// How sharp and how bright a crop is, as quality() of fer_core/analysis.py: the variance of the
// Laplacian of its grey, and the mean grey, 0 to 1.
export function quality(crop, size, [red, green, blue]) {
  const pixels = size * size, grey = new Int32Array(pixels);
  let total = 0;
  for (let i = 0, from = 0; i < pixels; i++, from += 3) {
    grey[i] = (red * crop[from] + green * crop[from + 1] + blue * crop[from + 2] + 0.5) | 0;
    total += grey[i];
  }
  let sum = 0, squares = 0;
  const last = size - 1;
  for (let y = 0, i = 0; y < size; y++) {
    // Reflected beyond the border, without the border itself.
    const above = y ? -size : size, below = y < last ? size : -size;
    for (let x = 0; x < size; x++, i++) {
      const left = x ? i - 1 : i + 1, right = x < last ? i + 1 : i - 1;
      const value = grey[i + above] + grey[i + below] + grey[left] + grey[right] - 4 * grey[i];
      sum += value;
      squares += value * value;
    }
  }
  return { sharpness: squares / pixels - (sum / pixels) ** 2, brightness: total / pixels / 255 };
}
