// The list of texts. Only the chunks near the window are drawn. The others keep their place.

const CHUNK = 20; // The number of texts that are drawn together.
const NEAR = 1500; // The distance from the window, in pixels, at which a chunk is drawn.
const PRINTED = 500; // The largest number of texts that are printed.

const list = byId("texts");
let view = []; // The records that match the filters, in order.
let chunks = []; // Elements with the range of `view` that they show, from `start` to `end`.

function estimatedHeight(record) {
  const perLine = Math.max(20, Math.min(list.clientWidth - 64, 736) / 8.5);
  let height = 60;
  for (const item of items(record)) {
    height += 60;
    for (const field of item.fields) {
      const characters = Math.min(field.tokens.length, CUT_TOKENS) * 6;
      height += Math.min(34 * Math.ceil(characters / perLine), 272) + 10;
    }
  }
  return height;
}

function reserveHeight(chunk) {
  const shown = view.slice(chunk.start, chunk.end);
  const height = shown.reduce((sum, record) => sum + estimatedHeight(record), 0);
  chunk.style.minHeight = `${height}px`;
}

function fill(chunk) {
  if (chunk.isDrawn) return;
  chunk.isDrawn = true;
  const shown = view.slice(chunk.start, chunk.end);
  chunk.append(...shown.map((record, i) => drawText(record, chunk.start + i, view.length)));
  chunk.style.minHeight = "";
}

// A chunk stays drawn while it has the focus or an open element.
function empty(chunk) {
  const isUsed = chunk.contains(document.activeElement) || chunk.querySelector("details[open]");
  if (!chunk.isDrawn || isUsed) return;
  chunk.style.minHeight = `${chunk.offsetHeight}px`;
  chunk.replaceChildren();
  chunk.isDrawn = false;
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) (entry.isIntersecting ? fill : empty)(entry.target);
  },
  { rootMargin: `${NEAR}px 0px` }
);

function drawList() {
  observer.disconnect();
  hideTip();
  chunks = [];
  for (let start = 0; start < view.length; start += CHUNK) {
    const chunk = make("div", { class: "chunk", role: "presentation" });
    Object.assign(chunk, { start, end: start + CHUNK, isDrawn: false });
    reserveHeight(chunk);
    chunks.push(chunk);
  }
  list.replaceChildren(...chunks);
  if (!view.length) list.append(make("p", { class: "none" }, "No matching texts."));
  // The first chunk is drawn at once. The observer draws the others when they come near.
  if (chunks.length) fill(chunks[0]);
  for (const chunk of chunks) observer.observe(chunk);
}

let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  for (const chunk of chunks) if (!chunk.isDrawn) reserveHeight(chunk);
});

// Paper has no window, so everything that is printed is drawn in full.
addEventListener("beforeprint", () => {
  observer.disconnect();
  for (const chunk of chunks) {
    if (chunk.start < PRINTED) fill(chunk);
    else chunk.classList.add("unprinted");
  }
  for (const paragraph of document.querySelectorAll(".cut")) paragraph.drawAll();
  if (view.length > PRINTED) {
    const printed = `Only the first ${count(PRINTED)} of ${count(view.length)} texts are printed.`;
    const message = `${printed} Search or filter to print others.`;
    list.append(make("p", { class: "none only-printed" }, message));
  }
});
addEventListener("afterprint", () => {
  for (const added of document.querySelectorAll(".only-printed")) added.remove();
  for (const chunk of chunks) {
    chunk.classList.remove("unprinted");
    observer.observe(chunk);
  }
});
