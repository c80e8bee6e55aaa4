// Draws one text: its words, targets, numbers and input

const CUT_TOKENS = 400; // A longer text is cut, with a button that shows the rest.
const CUT_CHARACTERS = 300; // A longer token is cut.

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

function shade(score, scale) {
  const level = scale ? Math.floor(Math.min(Math.abs(score) / scale, 1) * LEVELS + 0.5) : 0;
  return level ? (score > 0 ? "f" : "a") + level : "";
}

function shortened(token) {
  const characters = Array.from(token);
  if (characters.length <= CUT_CHARACTERS) return token;
  const left = characters.length - CUT_CHARACTERS;
  return characters.slice(0, CUT_CHARACTERS).join("") + ` … (${count(left)} more)`;
}

// Draws a frame around the words that are explained. The space between two of them is inside it.
function outline(nodes, node, [start, end], i) {
  node.classList.add("explained");
  if (i === start) node.classList.add("first");
  else if (nodes[nodes.length - 1] === " ") node.prepend(nodes.pop());
  if (i === end - 1) node.classList.add("last");
}

function drawTokens(paragraph, field, item, scale, end) {
  const nodes = [];
  for (let i = paragraph.drawn || 0; i < end; i++) {
    const token = field.tokens[i];
    const spaced = token.startsWith(" ");
    if (spaced && i > 0) nodes.push(" ");
    const text = shortened(spaced ? token.slice(1) : token);
    const node = span(("t " + shade(field.scores[i], scale)).trim(), text);
    if (item.place && i >= item.place[0] && i < item.place[1]) outline(nodes, node, item.place, i);
    node.tabIndex = i === 0 ? 0 : -1;
    node.place = { field, item, i };
    nodes.push(node);
  }
  paragraph.drawn = end;
  paragraph.append(...nodes);
}

function drawField(record, item, field) {
  const scale = scaleOf(record, item);
  const total = field.tokens.length;
  const paragraph = make("p", {
    class: "tokens",
    dir: "auto",
    role: "group",
    "aria-label": `${field.name}: ${count(total)} tokens. Use the arrow keys to read their scores.`,
  });
  drawTokens(paragraph, field, item, scale, Math.min(total, CUT_TOKENS));
  const name = item.fields.length === 1 ? null : span("name", bdi(field.name));
  const element = make("div", { class: "field" }, name, paragraph);
  if (total > CUT_TOKENS) {
    const button = make("button", { type: "button" }, `Show all ${count(total)} tokens`);
    paragraph.classList.add("cut");
    paragraph.drawAll = () => {
      drawTokens(paragraph, field, item, scale, total);
      paragraph.classList.remove("cut");
      button.remove();
    };
    button.addEventListener("click", () => {
      paragraph.drawAll();
      paragraph.firstChild.focus({ preventScroll: true });
    });
    element.append(button);
  }
  return element;
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

function scoreTable(item, field) {
  const total = totalScore(field);
  const rows = field.tokens.map((token, i) => {
    const cells = [signed(field.scores[i]), percent(total ? Math.abs(field.scores[i]) / total : 0)];
    if (field.errors) cells.push(number(field.errors[i]));
    const head = make("th", { scope: "row" }, bdi(shortened(token.trimStart())));
    return make("tr", null, head, ...cells.map((cell) => make("td", { class: "n" }, cell)));
  });
  const columns = ["score", "share", ...(field.errors ? ["± standard error"] : [])];
  const head = make(
    "tr",
    null,
    make("th", { scope: "col" }, item.fields.length === 1 ? "token" : bdi(field.name)),
    ...columns.map((name) => make("th", { scope: "col", class: "n" }, name))
  );
  const table = make("table", null, make("thead", null, head), make("tbody", null, ...rows));
  return make("div", { class: "rows", tabindex: 0 }, table);
}

// An element that is filled when it is opened for the first time.
function more(title, fill) {
  const details = make("details", { class: "more" }, make("summary", null, title));
  details.addEventListener("toggle", () => details.children.length === 1 && details.append(...fill()));
  return details;
}

const drawInput = (record) =>
  make("pre", { dir: "auto", tabindex: 0 }, JSON.stringify(record.inputs, null, 2));

// The target of an item, if the header of the text does not already name it.
function drawTarget(record, item) {
  const isNamed = methods.size > 1 && item.method !== undefined;
  const isPredicted = item.target === record.predicted && item.words === undefined;
  if (items(record).length === 1 && isPredicted && !isNamed) return null;
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
    ...item.fields.map((field) => drawField(record, item, field)),
    ...(item.notes || []).map((note) => make("p", { class: "quiet" }, "Note: " + note)),
    item.pairs ? drawPairs(item) : null,
    more(numbers(item), () => [
      ...item.fields.map((field) => scoreTable(item, field)),
      ...(hasInput ? [drawInput(record)] : []),
    ])
  );
}

function drawProbabilities(record) {
  const [[label, p], ...others] = record.probabilities;
  const prediction = make("span", null, make("b", null, bdi(label)), " ", span("p", percent(p)));
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
