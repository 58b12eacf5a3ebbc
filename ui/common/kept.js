// What a component keeps for its element, from the first call of its function until the element goes.
const kept = new WeakMap();

// The kept object; `make` makes it at the first call.
function keep(element, make) {
  if (!kept.has(element)) kept.set(element, make(element));
  return kept.get(element);
}

// What the component's function has to return: it lets go with `release` when the element has gone.
// Streamlit also calls it for a call that a newer one overtook while the script was loading
// (github.com/streamlit/streamlit/pull/17017); then the element is still there, and in use.
function letGo(element, release) {
  return () => {
    if (element.isConnected || !kept.has(element)) return;
    release(kept.get(element));
    kept.delete(element);
  };
}
