// Watches the file uploaders of the app. While the connection is lost, Streamlit disables them
// and ignores a file that is chosen then; this happens on phones, which cut the connection of a
// page whose file picker stays open. After a restart of the server, the callbacks of an uploader
// are not called in the first run of the new session. This script therefore holds such a file
// and hands it in once the connection is back and Python has run. If the file still does not
// arrive, a sentence asks the visitor to choose it again. Where the server refused a file because
// the visitor holds too much already, it says so.
// Told to Python: `again`, a number, to make it run; `data.run` names its latest run, and
// `data.full` is what to say of a refused file.

const PATIENCE_MS = 20000; // within which a connected app shows a file that was chosen
const SENTENCE = "The connection was lost before your file arrived. Choose it again.";

export default function ({ parentElement, data, setStateValue }) {
  const watch = keep(parentElement, (root) => new Watch(root));
  watch.full = data.full;
  watch.tell = () => setStateValue("again", Date.now());
  watch.hear(data.run);
  return letGo(parentElement, (gone) => gone.release());
}

class Watch {
  constructor(root) {
    this.alert = root.querySelector("#lost");
    // An element in the page's flow would move the page down by a gap.
    const place = (root.host ?? root).closest('[data-testid="stElementContainer"]');
    if (place) place.style.position = "absolute";
    this.stale = false; // the connection was lost, and Python has not run since
    this.asked = false;
    this.states = new MutationObserver(() => this.notice());
    this.states.observe(document.body, {
      subtree: true,
      attributeFilter: ["data-test-connection-state", "data-test-script-state"],
    });
    this.changes = new MutationObserver(() => this.look());
    this.chosen = (event) => {
      if (event.target.matches?.("input[type=file]")) this.hold(event, event.target.files);
    };
    this.dropped = (event) => this.hold(event, event.dataTransfer?.files ?? []);
    document.addEventListener("change", this.chosen, true);
    document.addEventListener("drop", this.dropped, true);
  }

  release() {
    this.forget();
    this.states.disconnect();
    document.removeEventListener("change", this.chosen, true);
    document.removeEventListener("drop", this.dropped, true);
  }

  notice() {
    // On another page nobody is to choose anything again.
    if (!this.alert.hidden && idle() && !uploader(this.missed)) this.alert.hidden = true;
    if (!connected()) {
      this.stale = true;
      this.asked = false;
      if (this.held) this.held.owed = true;
    }
    this.look();
  }

  hear(run) {
    if (run !== this.run && connected()) this.stale = this.asked = false;
    this.run = run;
    this.look();
  }

  ask() {
    if (!this.asked) this.tell();
    this.asked = true;
  }

  // Remember what was chosen until it has arrived.
  hold(event, files) {
    const zone = event.target.closest?.('[data-testid="stFileUploaderDropzone"]');
    if (!zone || !files.length || this.handing) return;
    this.forget();
    this.alert.hidden = true;
    this.held = {
      files: [...files],
      name: zone.getAttribute("aria-label"),
      before: new Set(chips(zone)),
      owed: this.stale,
    };
    if (this.stale) {
      event.stopImmediatePropagation(); // Streamlit would do with it what it can
      event.preventDefault();
    }
    this.changes.observe(document.body, {
      subtree: true,
      childList: true,
      attributeFilter: ["aria-invalid", "aria-label", "aria-disabled"],
    });
    this.wait();
    this.look();
  }

  forget() {
    this.held = null;
    this.changes.disconnect();
    clearTimeout(this.patience);
  }

  // Anew from every sign of life.
  wait() {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => (connected() && idle() ? this.giveUp() : this.wait()), PATIENCE_MS);
  }

  giveUp(sentence = SENTENCE) {
    this.missed = this.held.name;
    if (uploader(this.missed)) {
      this.alert.textContent = sentence;
      this.alert.hidden = false;
    }
    this.forget();
  }

  look() {
    const zone = this.held && connected() && uploader(this.held.name);
    if (!zone) return;
    const found = chips(zone).filter((chip) => !this.held.before.has(chip));
    if (found.some((chip) => chip.querySelector('[aria-label^="Cancel upload"]'))) this.wait();
    else if (found.some(cutOff)) this.giveUp();
    else if (this.full && found.some(refused)) this.giveUp(this.full);
    else if (found.length) {
      if (this.stale) this.ask(); // Python may not have heard of it
      this.forget();
    } else if (this.stale) this.ask();
    else if (this.held.owed && idle() && zone.getAttribute("aria-disabled") !== "true") {
      this.held.owed = false;
      this.wait();
      this.handIn(zone.querySelector("input[type=file]"));
    }
  }

  handIn(input) {
    const transfer = new DataTransfer();
    for (const file of this.held.files) transfer.items.add(file);
    this.handing = true;
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    this.handing = false;
  }
}

const app = () => document.querySelector('[data-testid="stApp"]')?.dataset ?? {};
const connected = () => app().testConnectionState === "CONNECTED";
// A run that is cut short would not come to the uploader.
const idle = () => app().testScriptState === "notRunning";

const uploader = (name) =>
  [...document.querySelectorAll('[data-testid="stFileUploaderDropzone"]')].find(
    (zone) => zone.getAttribute("aria-label") === name,
  );

const chips = (zone) => [...zone.querySelectorAll('[data-testid="stFileChip"]')];

// Why an upload failed, as Streamlit shows it.
const why = (chip) =>
  document.getElementById(chip.getAttribute("aria-describedby"))?.textContent ?? "";

// Whether it was for want of a connection; other reasons are the file's own.
const cutOff = (chip) =>
  /Network Error|status code (400|50\d)|Connection lost|timeout/.test(why(chip));

// Whether there was no room for it.
const refused = (chip) => /status code 413/.test(why(chip));
