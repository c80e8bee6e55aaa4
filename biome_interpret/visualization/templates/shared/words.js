// Draws the words of a result, and their scores

const CUT_TOKENS = 400; // A longer text is cut, with a button that shows the rest.
const CUT_CHARACTERS = 300; // A longer token is cut.

function largestScore(fields) {
  let largest = 0;
  for (const field of fields) {
    for (const score of field.scores) largest = Math.max(largest, Math.abs(score));
  }
  return largest;
}
const totalScore = (field) => field.scores.reduce((sum, score) => sum + Math.abs(score), 0);

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

// `decorate` may add to a token's node.
function drawTokens(paragraph, field, item, scale, end, decorate) {
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
    decorate(node, i);
    nodes.push(node);
  }
  paragraph.drawn = end;
  paragraph.append(...nodes);
}

function drawField(item, field, scale, decorate = () => {}) {
  const total = field.tokens.length;
  const paragraph = make("p", {
    class: "tokens",
    dir: "auto",
    role: "group",
    "aria-label": `${field.name}: ${count(total)} tokens. Use the arrow keys to read their scores.`,
  });
  drawTokens(paragraph, field, item, scale, Math.min(total, CUT_TOKENS), decorate);
  const name = item.fields.length === 1 ? null : span("name", bdi(field.name));
  const element = make("div", { class: "field" }, name, paragraph);
  if (total > CUT_TOKENS) {
    const button = make("button", { type: "button" }, `Show all ${count(total)} tokens`);
    paragraph.classList.add("cut");
    paragraph.drawAll = () => {
      drawTokens(paragraph, field, item, scale, total, decorate);
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
