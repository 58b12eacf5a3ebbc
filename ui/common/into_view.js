// A place of the page that scrolls into view when Python asks for it, while the page grows below.
//
// data: { come }

const LEAVE = ["wheel", "touchmove", "keydown", "pointerdown"];
const TRIES = 30;

export default function ({ parentElement, data }) {
  if (!data.come) return;
  const mark = parentElement.querySelector("div");
  let tries = 0;
  const timer = setInterval(() => {
    const { top } = mark.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) mark.scrollIntoView({ block: "start" });
    if (++tries >= TRIES) stop();
  }, 100);
  // Whoever scrolls is already elsewhere.
  const stop = () => {
    clearInterval(timer);
    for (const name of LEAVE) removeEventListener(name, stop, true);
  };
  for (const name of LEAVE) addEventListener(name, stop, { capture: true, passive: true });
}
