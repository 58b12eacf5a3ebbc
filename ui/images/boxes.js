// A picture whose boxes are buttons: one leads to the card of its face, and from there back.
//
// data: { image, alt, width, shape, boxes: [{ left, top, width, height, words }], show }
// Boxes are in percent of the picture. `show` is { face, number }: another number than before
// asks to point at the box of that face.

const shown = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const frame = parentElement.querySelector("#frame");
  const picture = frame.querySelector("img");
  frame.style.maxWidth = `${data.width}px`;
  frame.style.setProperty("--shape", data.shape);
  if (picture.src !== data.image) picture.src = data.image;
  picture.alt = data.alt;
  frame.querySelectorAll(".box").forEach((box) => box.remove());
  data.boxes.forEach((of, face) => {
    const box = document.createElement("button");
    box.type = "button";
    box.className = "box";
    box.setAttribute("aria-label", `${of.words}. Go to its card`);
    for (const side of ["left", "top", "width", "height"]) box.style[side] = `${of[side]}%`;
    box.onclick = () => {
      const card = document.querySelector(`.st-key-face_card_${face}`);
      if (card) pointAt(card);
      else setTriggerValue("face", face); // it is on another page of cards
    };
    frame.append(box);
  });
  const full = frame.querySelector("#full");
  full.hidden = !document.fullscreenEnabled;
  full.onclick = () =>
    document.fullscreenElement ? document.exitFullscreen() : frame.requestFullscreen();
  const show = data.show;
  if (show && shown.get(parentElement) !== show.number) {
    shown.set(parentElement, show.number);
    if (show.card) waitForCard(show.face, 100);
    else pointAt(frame.querySelectorAll(".box")[show.face]);
  }
}

function waitForCard(face, tries) {
  const card = document.querySelector(`.st-key-face_card_${face}`);
  if (card) pointAt(card);
  else if (tries) setTimeout(() => waitForCard(face, tries - 1), 50);
}

function pointAt(element) {
  if (!element) return;
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (element.tagName !== "BUTTON") element.tabIndex = -1;
  element.focus({ preventScroll: true });
  const color = getComputedStyle(element).getPropertyValue("--st-primary-color") || "#3a7aaa";
  element.animate(
    [{ boxShadow: `0 0 0 4px ${color}` }, { boxShadow: "0 0 0 4px transparent" }],
    { duration: 1500, easing: "ease-in" },
  );
}
