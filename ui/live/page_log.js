// What Python has to know of this page beside the results: keys, stimuli, flashes. Each entry is
// sent until Python says that it has it. See fer_core/live/page_log.py. Goes before view.js.

class PageLog {
  constructor(name = Date.now()) {
    Object.assign(this, { name, first: 0, entries: [] });
  }

  add(...entry) {
    this.entries.push(entry);
  }

  // Let go of what Python says it has.
  heard({ name, next } = {}) {
    if (name !== this.name) return;
    this.entries.splice(0, Math.max(0, next - this.first));
    this.first = Math.max(this.first, next);
  }

  report() {
    return { name: this.name, first: this.first, entries: this.entries };
  }
}

// Kinds of input fields into which nobody types.
const NOT_TYPED = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];

// The digit 1 to 9 that a key stands for, null where somebody types, or a shortcut is meant.
function digitOf(event) {
  const { key, repeat, ctrlKey, altKey, metaKey, isComposing } = event;
  if (repeat || ctrlKey || altKey || metaKey || isComposing || !/^[1-9]$/.test(key)) return null;
  const [at] = event.composedPath();
  const name = at?.tagName?.toLowerCase();
  const typed = name === "textarea" || name === "select" || at?.isContentEditable;
  return typed || (name === "input" && !NOT_TYPED.includes(at.type)) ? null : Number(key);
}

// What is said of the keys of a recording, the newest last.
class KeyWords {
  constructor() {
    this.begin();
  }

  begin() {
    Object.assign(this, { open: new Map(), said: [] });
  }

  // Say that a key was pressed at a time in seconds, as fer_core/live/record.py makes events of them.
  press(name, time, intervals) {
    const at = clock(time);
    if (!intervals) this.said.push(`${name} at ${at}`);
    else if (this.open.has(name)) {
      this.said.push(`${name} ends at ${at}`);
      this.open.delete(name);
    } else {
      this.said.push(`${name} begins at ${at}`);
      this.open.set(name, time);
    }
    this.said = this.said.slice(-3);
  }

  get text() {
    return this.said.join(" · ");
  }
}
