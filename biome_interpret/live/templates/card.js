// One explanation: its words, its numbers, and the edits that start from its words

const known = (value) => value ?? undefined;

// The value of an option, given or by default.
const valueOf = ({ interpreter, options }, name) =>
  options[name] ?? named(setup.interpreters, interpreter).options[name]?.default;

// Whether each score is a part of the output, and not a length or the mean of several tokens.
function areContributions(explanation) {
  const isSum = (name) => [undefined, "sum"].includes(valueOf(explanation, name));
  const isOfTokens = ["all_tokens", "token"].includes(valueOf(explanation, "granularity"));
  const isWhole = isOfTokens || isSum("granularity_aggregation_strategy");
  return isWhole && isSum("reduction") && valueOf(explanation, "input_x_gradient") !== false;
}

// A result in the form of the report's. `asked` is what was asked: the body, and there the number of
// the explanation and of the result.
function itemOf(explanation, { interpretation: one, fields, ...result }, asked) {
  return {
    asked,
    contributes: areContributions(explanation),
    target: known(result.type),
    words: known(one.target.words),
    place: known(result.place),
    probability: known(one.target.probability),
    output: one.output,
    baseline: known(one.baseline_output),
    delta: known(one.convergence_delta),
    relative: known(result.relative_delta),
    error: known(one.estimated_error),
    unassigned: one.unassigned || undefined,
    evaluations: one.n_evaluations,
    seconds: explanation.seconds,
    notes: one.notes,
    fields: fields.map(({ name, pieces, strings, spans }) => ({
      name,
      tokens: pieces,
      scores: one.fields[name].scores,
      errors: known(one.standard_error?.[name]),
      strings,
      spans,
    })),
  };
}

// What tells an explanation from the others beside it.
function methodOf(explanation) {
  const { interpreter, options } = explanation;
  const parts = state.interpreters.length > 1 ? [named(setup.interpreters, interpreter).title] : [];
  const isDeleting = valueOf(explanation, "removal") === "delete"; // Nothing takes the place of words.
  const baseline = isDeleting ? null : valueOf(explanation, "baseline");
  const isTold = state.baselines.length > 1 || "baseline" in options;
  if (isTold && baseline) parts.push(`baseline ${baseline}`);
  return parts.join(" · ");
}

function drawHeading(item, explanation) {
  const heading = make("h4", null, item.words === undefined ? "for " : null);
  heading.append(make("b", null, bdi(plain(item.target ?? "the loss"))));
  if (item.words !== undefined) heading.append(": ", bdi(plain(item.words)));
  if (item.probability !== undefined) heading.append(" ", probabilityOf(item.probability));
  const method = methodOf(explanation);
  if (method) heading.append(` · ${method}`);
  return heading;
}

function drawExplanation(model, explanation, i) {
  if (explanation.error === undefined) {
    const { body } = model.before;
    return explanation.results.map((result, thing) => drawCard(model, explanation, result, { body, i, thing }));
  }
  const target = explanation.target === null ? "" : `for ${explanation.target} `;
  const heading = make("h4", null, plain(target) + methodOf(explanation));
  return [make("section", { class: "item" }, heading, make("p", { class: "error" }, explanation.error))];
}

function drawCard(model, explanation, result, asked) {
  const item = itemOf(explanation, result, asked);
  const card = { model, item, scale: largestScore(item.fields), tokens: [] };
  const decorate = (node, index) => decorateToken(card, node, index);
  const fields = item.fields.map((field) => drawField(item, field, card.scale, decorate));
  card.halves = make("div", { class: "halves" });
  card.name = make("p", { class: "name", hidden: "" }, "Before the edits");
  card.before = make("div", { class: "half" }, card.name, ...fields, make("div", { class: "bar" }));
  card.numbers = make("div", { class: "of-numbers" });
  card.halves.append(card.before);
  const details = more("Scores as a table", () => [(card.table = make("div", null, ...tablesOf(card)))]);
  card.notes = make("div", { class: "notes" });
  const heading = drawHeading(item, explanation);
  card.node = make("section", { class: "item" }, heading, card.halves, card.numbers, card.notes, details, drawCopies(card));
  model.cards.push(card);
  drawNumbers(card);
  drawNotes(card);
  return card.node;
}

// The notes before and after the edits. One that both have is said once.
function drawNotes({ item, after, notes }) {
  const all = [...new Set([...item.notes, ...(after?.notes ?? [])])];
  const headOf = (note) => {
    if (!after || (item.notes.includes(note) && after.notes.includes(note))) return "Note: ";
    return after.notes.includes(note) ? "Note after the edits: " : "Note before the edits: ";
  };
  notes.replaceChildren(...all.map((note) => make("p", { class: "quiet" }, headOf(note) + note)));
}

function rowsOf(item) {
  const delta = `${number(item.delta)} (${percent(item.relative)})`;
  const evaluations = `${count(item.evaluations)} evaluation${item.evaluations === 1 ? "" : "s"}`;
  const time = item.seconds === undefined ? "" : `, ${number(Number(item.seconds.toPrecision(2)))} s`;
  return new Map([
    ["output", number(item.output)],
    ["baseline", item.baseline === undefined ? null : number(item.baseline)],
    ["delta", item.delta === undefined ? null : delta],
    ["estimated error", item.error === undefined ? null : percent(item.error)],
    ["unassigned", item.unassigned === undefined ? null : number(item.unassigned)],
    ["cost", evaluations + time],
  ]);
}
const WORDS = {
  output: "f(x): the explained number for the text",
  baseline: "f(x′): the same number for the baseline",
  delta: "what the scores of all tokens miss of output − baseline, and its share of Σ |score| over the scores shown",
  "estimated error": "how far the scores may be off, as a share of Σ |score|",
  unassigned: "scores at positions without a word",
  cost: "points at which the model was run, and the time",
};
const NOT_SUMS = ". These are not sums of the scores of tokens, which makes the share larger";

// The bars and the numbers, before and after the edits.
function drawNumbers(card) {
  const found = [card.item, card.after].filter(Boolean);
  const range = commonRange(found);
  const columns = found.map(rowsOf);
  const rows = Object.entries(WORDS).map(([term, words]) => {
    const values = columns.map((column) => column.get(term) ?? null);
    if (values.every((value) => value === null)) return null;
    const cells = values.map((value) => make("td", { class: "n" }, value ?? "–"));
    const said = term === "delta" && !card.item.contributes ? words + NOT_SUMS : words;
    return make("tr", null, make("th", { scope: "row" }, term), ...cells, make("td", { class: "quiet" }, said));
  });
  const heads = ["number", "before", "after", "meaning"].map((name, i) =>
    make("th", { scope: "col", class: i % 3 ? "n" : null }, name)
  );
  const head = card.after ? make("thead", null, make("tr", null, ...heads)) : null;
  const table = make("table", { class: "meaning" }, head, make("tbody", null, ...rows));
  const halves = [card.before, card.afterHalf].filter(Boolean);
  halves.forEach((half, i) => half.querySelector(".bar").replaceChildren(drawBar(found[i], range) ?? ""));
  card.numbers.replaceChildren(table);
}

function decorateToken(card, node, i) {
  const { field } = node.place;
  card.tokens.push(node);
  if (!field.spans[i]) return;
  node.setAttribute("role", "button");
  node.card = card;
  markWord(node);
}

// Shows what the edits do to a word.
function markWord(node) {
  const { field, i } = node.place;
  const edit = node.card && editOf(field, i);
  for (const how of HOWS.keys()) node.classList.toggle(how, edit?.how === how);
  if (!node.card) return;
  node.setAttribute("aria-pressed", Boolean(edit));
  if (edit) node.setAttribute("aria-label", `${field.tokens[i].trim().slice(0, 200)}, ${DONE[edit.how]}`);
  else node.removeAttribute("aria-label");
}
const markWords = () => models.forEach(({ cards }) => cards.forEach(({ tokens }) => tokens.forEach(markWord)));

const canMask = () => askedArchives().every((archive) => archive.mask);
function drawHows() {
  const kept = byId("how").querySelector("input:checked")?.value ?? "strike";
  const choices = [...HOWS].filter(([how]) => how !== "mask" || canMask());
  const buttons = choices.map(([how, text]) => {
    const button = make("input", { type: "radio", name: "how", value: how });
    button.checked = how === kept;
    return make("label", null, button, " " + text);
  });
  byId("how").replaceChildren(byId("how").firstElementChild, ...buttons);
  const keys = `Delete strikes a word out${canMask() ? ", M masks it" : ""}, R replaces it.`;
  byId("keys").textContent = `With the keyboard: the arrow keys move between the words. ${keys}`;
}

function editByReader(node, how) {
  const { field, i } = node.place;
  if (byId("answer").classList.contains("stale")) return showProgress("Press Explain first: this result is not that of the text above.");
  if (how === "mask" && !canMask()) return;
  if (how === "replace" && editOf(field, i)?.how !== how) return askReplacement(node);
  editWord(node.place, how);
  changedEdits();
}

// A small form below the words. Escape closes it.
function askReplacement(node) {
  byId("replacement")?.remove();
  const { field, i } = node.place;
  const word = field.tokens[i].trim().slice(0, 60);
  const input = make("input", { dir: "auto", autocomplete: "off", spellcheck: "false" });
  const cancel = make("button", { type: "button" }, "Cancel");
  const label = make("label", null, "Replace ", bdi(word), " with ", input);
  const form = make("form", { class: "replacement", id: "replacement" }, label, make("button", null, "Replace"), cancel);
  const close = () => {
    form.remove();
    node.focus();
  };
  cancel.addEventListener("click", close);
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    editWord(node.place, "replace", input.value);
    close();
    changedEdits();
  });
  node.parentElement.after(form);
  input.focus();
}

byId("models").addEventListener("click", (event) => {
  const node = event.target.closest(".t");
  if (node?.card) editByReader(node, byId("how").querySelector("input:checked").value);
});
const KEYS = { Delete: "strike", Backspace: "strike", m: "mask", M: "mask", r: "replace", R: "replace" };
byId("models").addEventListener("keydown", (event) => {
  const node = event.target;
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!node.card || !isPlain || !(event.key === "Enter" || event.key === " " || event.key in KEYS)) return;
  event.preventDefault();
  editByReader(node, KEYS[event.key] ?? byId("how").querySelector("input:checked").value);
});
