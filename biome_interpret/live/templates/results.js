// The answers: a column for each archive, with its prediction and its explanations

const FIRST_LABELS = 12; // More labels are behind a button.

// A text in one line, without characters that cannot be seen or that turn the direction.
const plain = (text) => text.replace(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, "\ufffd");

function drawModels() {
  const key = document.activeElement?.dataset.key;
  hideTip();
  byId("answer").hidden = false;
  byId("models").replaceChildren(...models.map(drawModel));
  byId("models").classList.toggle("single", models.length === 1);
  drawEdits();
  if (key) byId("models").querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function drawModel(model) {
  const heading = make("h3", { class: models.length === 1 ? "off" : null }, bdi(model.archive.name));
  model.cards = [];
  if (model.before.error) return make("section", { class: "model" }, heading, span("error", model.before.error));
  model.prediction = make("div", { class: "prediction" });
  drawPrediction(model);
  const cards = model.before.answer.explanations.flatMap((one, i) => drawExplanation(model, one, i));
  if (!cards.length) cards.push(span("quiet", "The model labels nothing in this text."));
  return make("section", { class: "model" }, heading, model.prediction, make("div", { class: "items" }, ...cards));
}

function drawPrediction(model) {
  const { prediction } = model.before.answer;
  if (prediction.labels.length) return drawLabels(model, prediction);
  const said = goldVerdict(model.before);
  const parts = said ? [make("p", { class: "verdict" }, said)] : [];
  model.prediction.replaceChildren(drawThings("Prediction", prediction), ...parts);
}
function drawThings(name, { things }) {
  const found = things.map(({ type, words, probability }) => {
    const parts = words ? [": ", bdi(plain(words))] : [];
    return make("li", null, bdi(plain(type ?? "the loss")), ...parts, " ", probabilityOf(probability));
  });
  return make("ul", { class: "things", "aria-label": name }, ...found);
}
const probabilityOf = (p) => span("p", p === null || p === undefined ? "" : percent(p));

// The labels that are explained, chosen or predicted.
const explainedLabels = ({ archive, before: { answer } }) =>
  targetsOf(archive).flatMap((one) => (one === null ? predictedOf(answer.prediction) : [one]));

function drawLabels(model, { labels }) {
  const chosenLabels = explainedLabels(model);
  model.afterLabels = new Map();
  const rows = labels.map((one, i) => {
    const isChosen = chosenLabels.includes(one.label);
    const row = drawLabel(model, one, isChosen);
    row.hidden = i >= FIRST_LABELS && !isChosen;
    return row;
  });
  const list = make("ul", { class: "labels", "aria-label": "Labels. Press one to explain it." }, ...rows);
  const hiddenRows = rows.filter((row) => row.hidden);
  model.prediction.replaceChildren(make("p", { class: "verdict" }, ...verdict(model)), list);
  if (!hiddenRows.length) return;
  const button = make("button", { type: "button", class: "link" }, `Show all ${count(rows.length)} labels`);
  button.addEventListener("click", () => {
    for (const row of hiddenRows) row.hidden = false;
    button.remove();
    hiddenRows[0].querySelector("button").focus();
  });
  model.prediction.append(button);
}

function drawLabel(model, { label, probability }, isChosen) {
  const button = make(
    "button",
    { type: "button", "aria-pressed": isChosen, "data-key": `${model.archive.name} ${label}` },
    bdi(plain(label))
  );
  button.addEventListener("click", () => toggleTarget(model, label));
  const meter = make("span", { class: "meter" });
  const fill = make("span");
  fill.style.width = `${100 * (probability ?? 0)}%`;
  meter.append(fill);
  const after = span("after");
  model.afterLabels.set(label, { after, meter });
  return make("li", null, button, meter, probabilityOf(probability), after);
}

// "positive 98.2 %", and whether that is the gold label of the example.
function verdict({ before }) {
  const parts = before.answer.prediction.things.flatMap(({ label: one, probability }, i) => [
    i ? ", " : "Predicted: ",
    make("b", null, bdi(plain(one ?? "nothing"))),
    " ",
    probabilityOf(probability),
  ]);
  const said = goldVerdict(before);
  return said ? [...parts, " ", said] : parts;
}

const NOT_COMPARED = "The gold label is not compared: it must be a label of the model, or a list with a tag for each token.";

// Whether the gold label is predicted. Null without one. A number is the name of a label.
function goldVerdict({ body: { gold }, answer: { prediction } }) {
  if (gold === undefined) return null;
  const names = new Set(prediction.labels.map(({ label }) => label));
  const unknown = names.size ? [gold].flat().map(String).find((name) => !names.has(name)) : undefined;
  if (unknown !== undefined) {
    return span("quiet", "The gold label ", bdi(plain(unknown)), " is not among the labels of the model.");
  }
  if (!prediction.gold) return span("quiet", NOT_COMPARED);
  if (prediction.gold.is_right) return span("quiet", "✓ predicted correctly");
  return span("wrong", "✗ should be ", bdi(plain(prediction.gold.text)));
}

// Explains a label, or leaves it out if it is explained. One label stays.
function toggleTarget(model, label) {
  const predicted = predictedOf(model.before.answer.prediction);
  const shown = explainedLabels(model);
  const left = shown.includes(label) ? shown.filter((one) => one !== label) : [...shown, label];
  if (!left.length) return showProgress("Keep at least one label.");
  state.targets = JSON.stringify(left) === JSON.stringify(predicted) && models.length === 1 ? [] : left;
  explain();
}

function spokenResult({ archive, before: { answer, error }, cards }) {
  const name = models.length > 1 ? `${archive.name}: ` : "";
  if (error) return name + error;
  const { prediction: { label, labels }, explanations } = answer;
  const predicted = label === null ? "" : `Predicted ${label} ${percent(labels[0].probability)}. `;
  const words = cards.slice(0, 3).map(({ item }) => {
    const method = methodOf(explanations[item.asked.i]);
    const strongest = [...wordsBySize(item, 1), ...wordsBySize(item, -1)];
    strongest.sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
    return `Strongest words for ${item.target ?? "the loss"}${method && `, ${method}`}: ${spoken(strongest)}.`;
  });
  return plain(name + predicted + words.join(" "));
}

// The edits, each with a button that restores the word.
function drawEdits() {
  const inputs = models.find((model) => model.before.body)?.before.body.inputs;
  const chips = state.edits.map((edit) => {
    const text = plain(String(at(inputs, edit.path) ?? "").slice(edit.start, edit.end)).slice(0, 60);
    const became = edit.how === "replace" ? [" → ", bdi(plain(edit.text).slice(0, 60))] : [];
    const button = make("button", { type: "button" }, span("off", "Restore "), `${DONE[edit.how]}: `, bdi(text), ...became, " ✕");
    button.addEventListener("click", () => {
      state.edits = state.edits.filter((other) => other !== edit);
      changedEdits();
      (byId("edits").querySelector("button") || byId("how").querySelector("input")).focus();
    });
    return button;
  });
  if (chips.length) chips.push(...actionsOnEdits());
  byId("edits").replaceChildren(...chips);
  markWords();
  byId("editing").hidden = !models.some(({ cards }) => cards.some(({ item }) => item.fields.some((field) => field.strings.length)));
}

function actionsOnEdits() {
  const back = make("button", { type: "button", class: "link" }, "Restore all words");
  back.addEventListener("click", () => {
    state.edits = [];
    changedEdits();
    byId("how").querySelector("input").focus();
  });
  const keep = make("button", { type: "button", class: "link" }, "Keep the edited text");
  keep.addEventListener("click", () => {
    keepEdited();
    byId("inputs").querySelector("textarea").focus();
    explain();
  });
  return [back, keep];
}

// Writes the edited text into the form.
function keepEdited() {
  const texts = {};
  for (const { archive, before } of models) {
    if (before.body) Object.assign(texts, exampleTexts({ inputs: editedInputs(archive, before.body.inputs) }));
  }
  Object.assign(state, { inputs: texts, edits: [] });
  drawInputs();
  markExample();
}

// Many clicks in a row are asked about once.
let pendingEdits = 0;
function changedEdits() {
  drawEdits();
  saveState();
  editing.abort();
  showProgress("Asking about the edited text …");
  clearTimeout(pendingEdits);
  pendingEdits = setTimeout(askEdited, 150);
}
