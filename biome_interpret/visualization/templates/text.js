// Draws one text: its targets, numbers and input

// The score with the full shade for each interpreter, or null if each text has its own.
let scales = null;

function shadeRelativeTo(scale) {
  scales = null;
  if (scale !== "all") return;
  const all = records.flatMap(items);
  const ofMethod = (method) => all.filter((item) => item.method === method);
  const largest = (method) => largestScore(ofMethod(method).flatMap((item) => item.fields));
  scales = new Map([...methods].map((method) => [method, largest(method)]));
}

function scaleOf(record, item) {
  if (scales) return scales.get(item.method);
  const same = items(record).filter((other) => other.method === item.method);
  return largestScore(same.flatMap((other) => other.fields));
}

// What each number means: the terms of the legend.
const meanings = new Map(
  [...document.querySelectorAll("#meanings dt")].map((term) => [
    term.textContent,
    term.nextElementSibling.textContent,
  ])
);
const meaningOf = (text) =>
  [...meanings.keys()].filter((term) => text.includes(term)).map((term) => meanings.get(term))[0];

function numbers(item) {
  const parts = [`output ${number(item.output)}`];
  if (item.baseline !== undefined) parts.push(`baseline ${number(item.baseline)}`);
  if (item.delta !== undefined) {
    const share = item.relative === undefined ? "" : ` (${percent(item.relative)})`;
    parts.push(`delta ${number(item.delta)}${share}`);
  }
  if (item.error !== undefined) parts.push(`estimated error ${percent(item.error)}`);
  if (item.unassigned !== undefined) parts.push(`unassigned ${number(item.unassigned)}`);
  parts.push(`${count(item.evaluations)} evaluation${item.evaluations === 1 ? "" : "s"}`);
  return span("numbers", ...parts.map((text) => make("span", { title: meaningOf(text) }, text)));
}

const drawInput = (record) =>
  make("pre", { dir: "auto", tabindex: 0 }, JSON.stringify(record.inputs, null, 2));

// The target of an item, if the header of the text does not already name it.
function drawTarget(record, item) {
  const isNamed = methods.size > 1 && item.method !== undefined;
  const isAlone = record.predicted?.length === 1;
  const isInHeader = isAlone && item.target === record.predicted[0] && item.words === undefined;
  if (items(record).length === 1 && isInHeader && !isNamed) return null;
  const heading = make("h3", null, item.words === undefined ? "for " : null);
  heading.append(item.target === undefined ? "the loss" : bdi(item.target));
  if (item.words !== undefined) heading.append(": ", bdi(item.words));
  if (item.probability !== undefined) heading.append(" ", span("p", percent(item.probability)));
  if (isNamed) heading.append(" · ", bdi(columns.get(item.method)));
  return heading;
}

function drawItem(record, item) {
  const hasInput = items(record).length === 1 && record.inputs !== undefined;
  return make(
    "section",
    { class: "item" },
    drawTarget(record, item),
    ...item.fields.map((field) => drawField(item, field, scaleOf(record, item))),
    ...(item.notes || []).map((note) => make("p", { class: "quiet" }, "Note: " + note)),
    item.pairs ? drawPairs(item) : null,
    more(numbers(item), () => [
      ...item.fields.map((field) => scoreTable(item, field)),
      ...(hasInput ? [drawInput(record)] : []),
    ])
  );
}

function drawProbabilities(record) {
  const isPredicted = ([label]) => record.predicted.includes(label);
  const predicted = record.probabilities.filter(isPredicted);
  const others = record.probabilities.filter((pair) => !isPredicted(pair));
  const drawn = predicted.map(([label, p]) => [make("b", null, bdi(label)), " ", span("p", percent(p))]);
  const prediction = make("span", null, ...drawn.flatMap((parts, i) => (i ? [", ", ...parts] : parts)));
  const parts = others.map(([other, q]) => span("p", bdi(other), " " + percent(q)));
  if (record.others) parts.push(`and ${count(record.others)} more`);
  if (!parts.length) return [prediction];
  const separated = parts.flatMap((part, i) => (i ? [", ", part] : [part]));
  return [prediction, span("alternatives", ...separated)];
}

function drawHeader(record) {
  const attributes = { class: "line", href: `#L${record.line}`, "aria-label": `Line ${record.line}` };
  const header = make("header", null, make("a", attributes, String(record.line)));
  if (record.error !== undefined) header.append(span("error", record.error));
  if (record.probabilities) header.append(...drawProbabilities(record));
  if (isWrong(record)) header.append(span("wrong", "✗ should be ", bdi(record.gold)));
  else if (record.gold !== undefined) header.append(span("quiet", "✓ predicted correctly"));
  if (record.results && !record.results.length) {
    header.append(span("quiet", "The model labels nothing in this text."));
  }
  return header;
}

function drawText(record, position, total) {
  const article = make(
    "article",
    {
      class: "text" + (length(record) > CUT_TOKENS ? " long" : ""),
      id: `L${record.line}`,
      tabindex: -1,
      "aria-posinset": position + 1,
      "aria-setsize": total,
      "aria-label": `Line ${record.line}`,
    },
    drawHeader(record),
    make("div", { class: "items" }, ...items(record).map((item) => drawItem(record, item)))
  );
  if (record.inputs !== undefined && items(record).length !== 1) {
    article.append(more("input", () => [drawInput(record)]));
  }
  return article;
}
