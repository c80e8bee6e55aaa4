// Search, filters and sorting

const tools = byId("tools");
const FILTERS = {
  wrong: ["predicted wrongly", isWrong],
  right: ["predicted correctly", (record) => record.right === true],
  errors: ["errors", (record) => record.error !== undefined],
  notes: ["with notes", (record) => items(record).some((item) => item.notes)],
  unlabelled: ["without labels", (record) => record.results !== undefined && !record.results.length],
};
const ORDERS = {
  least: (a, b) => probability(a) - probability(b),
  most: (a, b) => probability(b) - probability(a),
  delta: (a, b) => delta(b) - delta(a),
  longest: (a, b) => length(b) - length(a),
  shortest: (a, b) => length(a) - length(b),
};

// What a search finds. A word in quotes is searched as a whole word of the texts.
function searchTest(search) {
  const word = /^"(.+)"$/u.exec(search);
  return word ? wordTest(word[1]) : (record) => searchText(record).includes(search);
}

// Draws the list that the form describes.
function update() {
  const search = byId("search").value.trim().toLowerCase();
  const isFound = searchTest(search);
  const label = byId("label").value;
  const filter = FILTERS[byId("show").value];
  const order = ORDERS[byId("sort").value];
  view = records.filter(
    (record) =>
      (!filter || filter[1](record)) &&
      (!label || labelsOf(record).includes(label)) &&
      (!search || isFound(record))
  );
  if (order) {
    // Errors cannot be compared. They come last.
    const sorted = view.filter((record) => !record.error).sort(order);
    view = sorted.concat(view.filter((record) => record.error));
  }
  const all = records.length;
  const part = view.length === all ? "" : `${count(view.length)} of `;
  byId("found").textContent = `${part}${count(all)} texts`;
  drawList();
}

// After a change of the form, the first text is what a reader wants to see.
function goToFirst() {
  const top = list.getBoundingClientRect().top - tools.offsetHeight;
  if (top < 0) scrollBy(0, top);
}
function updateAndGo() {
  update();
  goToFirst();
}

function showOnly({ word, label = "", show = "" }) {
  byId("search").value = word === undefined ? "" : `"${word}"`;
  byId("label").value = label;
  byId("show").value = show;
  update();
  scrollBy(0, list.getBoundingClientRect().top - tools.offsetHeight);
}

function addOptions(id, options) {
  for (const [value, text, n] of options) {
    byId(id).append(make("option", { value }, `${text} (${count(n)})`));
  }
}

// Offers the labels, and the filters that some but not all texts match.
function fillFilters() {
  const labels = new Map();
  for (const record of records) {
    for (const label of new Set(labelsOf(record))) {
      if (label !== undefined) labels.set(label, (labels.get(label) || 0) + 1);
    }
  }
  const sorted = [...labels].sort((a, b) => b[1] - a[1]);
  addOptions("label", sorted.map(([label, n]) => [label, label, n]));
  byId("label").parentElement.hidden = sorted.length < 2;
  const useful = Object.entries(FILTERS)
    .map(([name, [text, matches]]) => [name, text, records.filter(matches).length])
    .filter(([, , n]) => n && n < records.length);
  addOptions("show", useful);
  byId("show").parentElement.hidden = !useful.length;
  tools.hidden = records.length < 2;
}

let pending = 0;
byId("search").addEventListener("input", () => {
  clearTimeout(pending);
  pending = setTimeout(updateAndGo, 120);
});
for (const id of ["label", "show", "sort"]) byId(id).addEventListener("change", updateAndGo);
byId("scale").addEventListener("change", () => {
  shadeRelativeTo(byId("scale").value);
  drawList();
});

// The switch of the summary between the common words and all words.
const every = byId("every");
if (every) {
  every.parentElement.hidden = false;
  every.addEventListener("change", () => {
    for (const part of document.querySelectorAll("[data-every]")) {
      part.hidden = (part.dataset.every === "yes") !== every.checked;
    }
  });
}
tools.addEventListener("submit", (event) => event.preventDefault());
