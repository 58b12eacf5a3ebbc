// Checks of ui/live/page_log.js, which the test puts before this file.
import assert from "node:assert/strict";

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, "0")}`;
const event = (key, at = { tagName: "DIV" }, more = {}) => ({ key, composedPath: () => [at], ...more });

assert.equal(digitOf(event("3")), 3);
for (const key of ["0", "a", "10", "Enter", "F1"]) assert.equal(digitOf(event(key)), null);
for (const name of ["repeat", "ctrlKey", "altKey", "metaKey", "isComposing"])
  assert.equal(digitOf(event("1", undefined, { [name]: true })), null);

// While somebody types it is a digit; a switch or a button that was pressed last types nothing.
for (const at of [
  { tagName: "INPUT", type: "text" },
  { tagName: "INPUT", type: "number" },
  { tagName: "TEXTAREA" },
  { tagName: "SELECT" },
  { tagName: "DIV", isContentEditable: true },
])
  assert.equal(digitOf(event("1", at)), null);
for (const type of ["checkbox", "radio", "range"]) assert.equal(digitOf(event("1", { tagName: "INPUT", type })), 1);
assert.equal(digitOf({ key: "1", composedPath: () => [] }), 1);

const log = new PageLog(7);
log.add("key", 1.5, 1);
log.add("key", 2.5, 2);
log.heard({ name: 6, next: 2 }); // of another page
assert.equal(log.report().entries.length, 2);
log.heard({ name: 7, next: 1 });
log.add("key", 3.5, 3);
assert.deepEqual(log.report(), { name: 7, first: 1, entries: [["key", 2.5, 2], ["key", 3.5, 3]] });
log.heard({ name: 7, next: 1 });
assert.equal(log.report().first, 1);

const words = new KeyWords();
words.press("smile", 61, false);
words.press("task", 62, true);
words.press("task", 65.5, true);
assert.equal(words.text, "smile at 1:01 · task begins at 1:02 · task ends at 1:05");
words.press("task", 70, true);
assert.ok(words.text.endsWith("task begins at 1:10") && !words.text.includes("smile"));
words.begin();
assert.equal(words.text, "");
