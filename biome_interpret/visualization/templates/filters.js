// Search, filters and sorting

const tools = byId("tools");
const FILTERS = {
  wrong: ["wrong predictions", isWrong],
  right: ["correct predictions", (record) => record.gold !== undefined && !isWrong(record)],
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

// Draws the list that the form describes.
function update() {
  const search = byId("search").value.trim().toLowerCase();
  const label = byId("label").value;
  const filter = FILTERS[byId("show").value];
  const order = ORDERS[byId("sort").value];
  view = records.filter(
    (record) =>
      (!filter || filter[1](record)) &&
      (!label || labelsOf(record).includes(label)) &&
      (!search || searchText(record).includes(search))
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

function showOnly({ search = "", label = "", show = "" }) {
  byId("search").value = search;
  byId("label").value = label;
  byId("show").value = show;
  update();
  tools.scrollIntoView();
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
  pending = setTimeout(update, 120);
});
for (const id of ["label", "show", "sort"]) byId(id).addEventListener("change", update);
byId("scale").addEventListener("change", () => {
  shadeRelativeTo(byId("scale").value);
  drawList();
});
tools.addEventListener("submit", (event) => event.preventDefault());
