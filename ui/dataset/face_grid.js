// A page of faces that the keyboard works on. Python gives the faces and how many of the
// actions it has kept (`done`); what is not kept yet is shown already and sent again until
// it is. Told to Python: `actions` { session, queue: [{ seq, faces, action, value }] },
// `focus`, the face looked at, and `turn`, +1 or -1, when the page is left.

const TELL_MS = 150; // after which a face that is looked at is told

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const grid = keep(parentElement, (root) => new Grid(root));
  grid.state = setStateValue;
  grid.trigger = setTriggerValue;
  grid.take(data);
  return letGo(parentElement, (gone) => clearTimeout(gone.timer));
}

class Grid {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector("#grid");
    this.queue = [];
    this.seq = 0;
    this.at = 0;
    this.chosen = new Set();
    this.box.onkeydown = (event) => this.key(event);
    this.box.onclick = (event) => this.click(event);
    this.box.onfocusin = (event) => {
      const at = this.tiles().indexOf(event.target.closest("[role=option]"));
      if (at >= 0) this.look(at);
    };
  }

  take(data) {
    if (this.data?.session !== data.session) this.queue = [];
    this.queue = this.queue.filter((one) => one.seq > data.done);
    this.seq = Math.max(this.seq, data.done);
    const same = this.data?.page === data.page;
    this.data = data;
    if (!same) {
      this.chosen.clear();
      this.at = Math.max(0, data.faces.findIndex((face) => face.key === data.focus));
    }
    this.at = Math.min(this.at, Math.max(0, data.faces.length - 1));
    this.draw();
  }

  tiles() {
    return [...this.box.children];
  }

  // A face with what was done to it and is not kept yet.
  shown(face) {
    const now = { ...face, tags: [...face.tags] };
    for (const { faces, action, value } of this.queue) {
      if (!faces.includes(face.key)) continue;
      if (action === "label") now.label = value;
      if (action === "exclude") now.excluded = true;
      if (action === "include") now.excluded = false;
      if (action === "tag" && !now.tags.includes(value)) now.tags.push(value);
      if (action === "untag") now.tags = now.tags.filter((tag) => tag !== value);
    }
    return now;
  }

  draw() {
    const { faces, sheet, columns, colors } = this.data;
    const held = this.box.contains(this.root.activeElement);
    while (this.box.children.length > faces.length) this.box.lastChild.remove();
    while (this.box.children.length < faces.length) this.box.append(tile());
    faces.forEach((face, i) => {
      const now = this.shown(face);
      const option = this.box.children[i];
      const [picture, word, note] = option.children;
      const image = `url("${sheet}")`;
      if (picture.dataset.sheet !== this.data.page) {
        picture.dataset.sheet = this.data.page;
        picture.style.backgroundImage = image;
        picture.style.backgroundSize = `${columns * 100}%`;
      }
      const rows = Math.ceil(faces.length / columns);
      const share = (n, of) => (of > 1 ? (100 * n) / (of - 1) : 0);
      picture.style.backgroundPosition =
        `${share(i % columns, columns)}% ${share(Math.floor(i / columns), rows)}%`;
      const changed = now.label !== now.original;
      word.textContent = now.excluded ? `✕ ${now.label}` : changed ? `✎ ${now.label}` : now.label;
      word.style.setProperty("--dot", colors[now.label]);
      note.textContent = now.excluded
        ? "excluded"
        : now.tags.length
          ? `#${now.tags.join(" #")}`
          : changed
            ? `was ${now.original}`
            : now.note;
      option.title = now.words;
      option.setAttribute("aria-label", words(now, changed));
      option.setAttribute("aria-selected", this.chosen.has(face.key));
      option.tabIndex = i === this.at ? 0 : -1;
      option.classList.toggle("excluded", now.excluded);
      option.classList.toggle("changed", changed);
      option.classList.toggle("chosen", this.chosen.has(face.key));
      option.classList.toggle("at", i === this.at);
    });
    if (held) this.box.children[this.at]?.focus();
  }

  look(at) {
    if (at === this.at && this.told === this.data.faces[at]?.key) return;
    this.at = at;
    this.tiles().forEach((option, i) => {
      option.tabIndex = i === at ? 0 : -1;
      option.classList.toggle("at", i === at);
    });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.told = this.data.faces[this.at]?.key;
      if (this.told) this.state("focus", this.told);
    }, TELL_MS);
  }

  click(event) {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    const at = this.tiles().indexOf(option);
    if (event.shiftKey) this.choose(this.at, at);
    else if (event.ctrlKey || event.metaKey) this.toggle(at);
    else this.chosen.clear();
    option.focus();
    this.look(at);
    this.draw();
    if (!event.shiftKey && !event.ctrlKey && !event.metaKey) this.reveal();
  }

  // On narrow screens the face with its buttons stands below all others, out of sight.
  reveal() {
    const panel = document.querySelector(".st-key-dataset_face");
    if (!panel || panel.getBoundingClientRect().top < this.box.getBoundingClientRect().bottom) return;
    panel.style.scrollMarginTop = "4rem"; // below the app's bar
    panel.scrollIntoView({ block: "start" });
  }

  toggle(at) {
    const { key } = this.data.faces[at];
    if (!this.chosen.delete(key)) this.chosen.add(key);
  }

  choose(from, to) {
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) {
      this.chosen.add(this.data.faces[i].key);
    }
  }

  key(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (altKey || !this.data.faces.length) return;
    if (ctrlKey || metaKey) {
      if (key !== "a") return;
      this.choose(0, this.data.faces.length - 1);
      this.draw();
    } else if (key in MOVES || key === "Home" || key === "End") {
      this.move(key, shiftKey);
    } else if (key === "PageDown" || key === "PageUp") {
      this.trigger("turn", key === "PageDown" ? 1 : -1);
    } else if (key === "Escape") {
      this.chosen.clear();
      this.draw();
    } else if (key === " ") {
      this.toggle(this.at);
      this.draw();
    } else if (!this.data.edit || !this.act(key.toLowerCase())) return;
    event.preventDefault();
    event.stopPropagation(); // or Streamlit takes R and C for its own
  }

  move(key, choosing) {
    const last = this.data.faces.length - 1;
    const wide = Math.max(1, getComputedStyle(this.box).gridTemplateColumns.split(" ").length);
    const to = { Home: 0, End: last }[key] ?? this.at + MOVES[key](wide);
    if (to < 0 || to > last) return;
    if (choosing) this.choose(this.at, to);
    this.look(to);
    this.draw();
    this.box.children[to].focus();
  }

  // What a key does to the chosen faces, or else to the one looked at.
  act(key) {
    const { faces, emotions, tag } = this.data;
    const at = this.shown(faces[this.at]);
    const keys = this.chosen.size ? [...this.chosen] : [at.key];
    const label = emotions["1234567".indexOf(key)];
    if (label) this.send("label", label, keys);
    else if (key === "x") this.send(at.excluded ? "include" : "exclude", "", keys);
    else if (key === "t" && tag) this.send(at.tags.includes(tag) ? "untag" : "tag", tag, keys);
    else if (key === "a" && keys.some((k) => this.proposal(k))) {
      for (const one of keys) {
        const proposal = this.proposal(one);
        if (proposal) this.send(...(proposal === "exclude" ? ["exclude", ""] : ["label", proposal]), [one]);
      }
    } else if (key === "u") this.send("undo", "", []);
    else return false;
    return true;
  }

  proposal(key) {
    return this.data.faces.find((face) => face.key === key)?.proposal;
  }

  send(action, value, faces) {
    this.seq += 1;
    this.queue.push({ seq: this.seq, faces, action, value });
    this.state("actions", { session: this.data.session, queue: this.queue });
    this.draw();
  }
}

const MOVES = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (wide) => -wide,
  ArrowDown: (wide) => wide,
};

function tile() {
  const option = document.createElement("div");
  option.setAttribute("role", "option");
  for (const name of ["picture", "word", "note"]) {
    const part = document.createElement("div");
    part.className = name;
    option.append(part);
  }
  return option;
}

function words(face, changed) {
  const parts = [`${face.words}, labelled ${face.label}`];
  if (changed) parts.push(`relabelled, was ${face.original}`);
  if (face.excluded) parts.push("excluded");
  if (face.tags.length) parts.push(`tagged ${face.tags.join(", ")}`);
  return parts.join(", ");
}
