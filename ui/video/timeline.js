// A timeline with a playhead, bound to the page's own video player: a click, a drag or an
// arrow key moves the video there, and the playhead follows the video. Python hears nothing
// of it, so nothing is loaded anew. Only the buttons below it tell Python where it is.
//
// data: { seconds, begin, view, everyone, emotions, colors, times, curves, segments, changes, cuts,
// seek }. The player's picture at 0 is that of `begin` seconds. `seek` is { time, number, values }:
// another number than before asks to go there; `values` are the probabilities of that sample.

const LEFT = 34, RIGHT = 8, TOP = 8, BOTTOM = 22, HEIGHT = 230;
const SVG = "http://www.w3.org/2000/svg";

export default function ({ parentElement, data, setTriggerValue }) {
  const line = keep(parentElement, (root) => new Timeline(root));
  for (const act of ["correct", "split"]) line[act].onclick = () => setTriggerValue(act, line.time);
  line.take(data);
  return letGo(parentElement, (gone) => gone.release());
}

class Timeline {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector("#chart");
    this.now = root.querySelector("#now");
    this.legend = root.querySelector("#legend");
    this.correct = root.querySelector("#correct");
    this.split = root.querySelector("#split");
    this.time = 0;
    this.sought = null;
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.box);
    this.box.onpointerdown = (event) => {
      this.box.setPointerCapture(event.pointerId);
      this.seek(this.at(event));
    };
    this.box.onpointermove = (event) => event.buttons && this.seek(this.at(event));
    this.box.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (step) this.seek(this.time + step);
      else if (event.key === "Home") this.seek(0);
      else if (event.key === "End") this.seek(this.data.seconds);
      else return;
      event.preventDefault();
    };
    const follow = () => {
      const video = this.video();
      if (video && !video.seeking && this.data) {
        const time = video.currentTime + this.data.begin;
        if (Math.abs(time - this.time) > 0.02) {
          if (this.bound === video) this.show(time);
          else if (video.readyState > 0) {
            this.bound = video;
            if (this.time) this.move(video, this.time);
          }
        }
      }
      this.frame = requestAnimationFrame(follow);
    };
    this.frame = requestAnimationFrame(follow);
  }

  release() {
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
  }

  // The player is Streamlit's, outside of this component.
  video() {
    const found = document.querySelector('video[data-testid="stVideo"]');
    return found ?? document.querySelector('[data-testid="stVideo"] video');
  }

  take(data) {
    const other = this.data && this.data.id !== data.id;
    this.data = data;
    if (other) this.time = 0;
    this.correct.hidden = this.split.hidden = data.everyone;
    this.correct.title = "Say what the face shows here: your label stands beside the model's answer";
    this.split.title = "From here on it is somebody else";
    this.legend.replaceChildren(
      ...data.emotions.map((name, i) => {
        const item = document.createElement("span");
        item.textContent = name;
        item.style.setProperty("--color", data.colors[i]);
        return item;
      }),
    );
    this.box.setAttribute("aria-valuemax", data.seconds.toFixed(1));
    this.draw();
    const sought = data.seek?.number ?? 0;
    if (sought && sought !== this.sought) {
      this.seek(data.seek.time);
      // What was asked for before this component came moves nothing on the page.
      if (this.sought !== null) this.bringIntoView();
    }
    this.sought = sought;
  }

  at(event) {
    const { left, width } = this.box.getBoundingClientRect();
    const share = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
    return share * this.data.seconds;
  }

  seek(time) {
    const to = Math.min(Math.max(0, time), this.data.seconds);
    const video = this.video();
    if (video && video.readyState > 0) {
      this.bound = video;
      this.move(video, to);
    }
    this.show(to);
  }

  // A little after a frame begins, so that rounding does not show the one before it.
  move(video, time) {
    video.currentTime = Math.max(0, time - this.data.begin + 0.01);
  }

  // What was pressed may be far below the player.
  bringIntoView() {
    const shown = this.video() ?? this.box;
    shown.style.scrollMargin = "5rem 0 1rem"; // the app's header covers the top
    shown.scrollIntoView({ block: "nearest" });
  }

  x(time) {
    return LEFT + (this.width - LEFT - RIGHT) * (time / this.data.seconds);
  }

  y(value) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!width || !this.data) return;
    this.width = width;
    const svg = make("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` });
    const { data } = this;
    for (const value of [0, 0.5, 1]) {
      if (data.view === "Segments") break;
      svg.append(make("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: this.y(value), y2: this.y(value) }));
      svg.append(text(`${value * 100} %`, { x: LEFT - 5, y: this.y(value) + 4, "text-anchor": "end" }));
    }
    const step = nice(data.seconds / Math.max(2, width / 90));
    for (let t = 0; t <= data.seconds + 1e-6; t += step) {
      // A word in the middle of the edge would be cut off.
      const anchor = this.x(t) > width - 20 ? "end" : "middle";
      const x = anchor === "end" ? width : this.x(t);
      svg.append(text(clock(t), { x, y: HEIGHT - 5, "text-anchor": anchor }));
    }
    if (data.view === "Segments") this.drawSegments(svg);
    else if (data.view === "Stacked") this.drawStacked(svg);
    else this.drawLines(svg);
    for (const cut of data.cuts) {
      svg.append(make("line", { class: "cut", x1: this.x(cut), x2: this.x(cut), y1: TOP, y2: HEIGHT - BOTTOM }));
    }
    for (const change of data.changes) {
      const x = this.x(change.time);
      const mark = make("path", { class: "change", d: `M${x - 5},${TOP - 6}h10l-5,7z` });
      const who = data.everyone ? `${change.name} ` : "";
      mark.append(make("title", {}, `${clock(change.time)}: ${who}${change.before} → ${change.after}`));
      svg.append(mark);
    }
    this.head = make("line", { class: "head", y1: 0, y2: HEIGHT - BOTTOM + 2 });
    svg.append(this.head);
    this.box.replaceChildren(svg);
    this.show(this.time);
  }

  drawLines(svg) {
    const { times, curves, colors } = this.data;
    curves.forEach((values, i) => {
      let d = "";
      values.forEach((v, k) => {
        if (v !== null) d += `${k && values[k - 1] !== null ? "L" : "M"}${this.x(times[k])},${this.y(v)}`;
      });
      // A point alone would not be seen.
      svg.append(make("path", { d, class: "curve", stroke: colors[i] }));
    });
  }

  drawStacked(svg) {
    const { times, curves, colors } = this.data;
    const half = (times[1] - times[0] || 0.2) / 2;
    for (const [from, to] of runs(curves[0] ?? [])) {
      let floor = Array(to - from).fill(0);
      curves.forEach((values, i) => {
        const top = floor.map((v, k) => Math.min(1, v + values[from + k]));
        const at = (k) => times[from + k] + (k === 0 ? -half : k === to - from - 1 ? half : 0);
        const up = top.map((v, k) => `${this.x(Math.max(0, at(k)))},${this.y(v)}`);
        const down = floor.map((v, k) => `${this.x(Math.max(0, at(k)))},${this.y(v)}`).reverse();
        svg.append(make("path", { d: `M${[...up, ...down].join("L")}Z`, fill: colors[i] }));
        floor = top;
      });
    }
  }

  drawSegments(svg) {
    const { segments, emotions, colors } = this.data;
    const row = (HEIGHT - TOP - BOTTOM) / emotions.length;
    for (const one of segments) {
      const i = emotions.indexOf(one.emotion);
      const bar = make("rect", {
        x: this.x(one.start), y: TOP + i * row + 2, rx: 3, fill: colors[i], height: row - 4,
        width: Math.max(2, this.x(one.end) - this.x(one.start)),
      });
      bar.append(make("title", {}, `${one.emotion}, ${clock(one.start)} to ${clock(one.end)}`));
      svg.append(bar);
      if (this.x(one.end) - this.x(one.start) > 70) {
        svg.append(text(one.emotion, { class: "on", x: this.x(one.start) + 6, y: TOP + i * row + row / 2 + 4 }));
      }
    }
  }

  show(time) {
    this.time = time;
    if (!this.head) return;
    this.head.setAttribute("x1", this.x(time));
    this.head.setAttribute("x2", this.x(time));
    const words = this.words(time);
    this.now.textContent = words;
    this.box.setAttribute("aria-valuenow", time.toFixed(1));
    this.box.setAttribute("aria-valuetext", words);
  }

  // What the person looks like at a time.
  words(time) {
    const { emotions, seek } = this.data;
    // The curves of a long video are means of several samples.
    const exact = seek?.values && Math.abs(time - seek.time) < 0.03;
    const values = exact ? seek.values : this.valuesAt(time);
    if (!values) return `${clock(time)} · not in view`;
    const ranked = emotions.map((name, i) => [values[i], name]).sort((a, b) => b[0] - a[0]);
    const shares = ranked.slice(0, 2).filter(([v]) => v >= 0.1);
    return `${clock(time)} · looks ${shares.map(([v, n]) => `${n.toLowerCase()} ${Math.round(v * 100)} %`).join(", ")}`;
  }

  // A sample stands until the next one, as in the annotated video.
  valuesAt(time) {
    const { times, curves } = this.data;
    const half = (times[1] - times[0] || 0.2) / 2;
    const known = times.map((_, i) => i).filter((i) => curves[0][i] !== null);
    const k = known.findLast((i) => times[i] - half <= time + 0.001) ?? known[0];
    if (k === undefined || Math.abs(times[k] - time) > 1) return null;
    return curves.map((values) => values[k]);
  }
}

// Stretches of numbers without gaps, as [from, to).
function runs(values) {
  const found = [];
  values.forEach((v, i) => {
    if (v === null) return;
    if (i && values[i - 1] !== null) found[found.length - 1][1] = i + 1;
    else found.push([i, i + 1]);
  });
  return found;
}

function nice(least) {
  return [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => s >= least) ?? 7200;
}

function clock(seconds) {
  const s = Math.floor(seconds + 1e-6);
  const tail = String(s % 60).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}:${tail}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${tail}`;
}

function make(name, attributes, content) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (content) element.textContent = content;
  return element;
}

function text(content, attributes) {
  return make("text", attributes, content);
}
