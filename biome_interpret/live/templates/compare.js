// After an edit: the new prediction and scores beside the old ones

// The result after the edits about the same thing: the same label, and the same words of a tagger.
function itemAfter({ model, item }) {
  const found = explanationsAfter(model, item).flatMap(([k, explanation]) =>
    (explanation.results ?? []).map((result, thing) => itemOf(explanation, result, { body: model.after.body, i: k, thing }))
  );
  const isAlike = (other) => other.target === item.target && other.words === item.words;
  const after = found.filter(isAlike);
  // A word may bear a label twice. Then they are told apart by their order.
  const before = model.cards.map((card) => card.item).filter((other) => other.asked.i === item.asked.i && isAlike(other));
  if (after.length !== before.length) return before.length > 1 ? null : after[0] ?? null;
  return after[before.indexOf(item)] ?? null;
}
// Those that were asked in place of the item's explanation, with their numbers.
function explanationsAfter({ after }, { asked: { i } }) {
  return [...(after?.answer?.explanations ?? []).entries()].filter(([k]) => after.origins[k] === i);
}

function drawAfter(model) {
  if (!model.before.answer) return;
  drawPredictionAfter(model);
  for (const card of model.cards) drawCardAfter(card);
}

function drawPredictionAfter({ after, before, afterLabels, prediction }) {
  for (const node of prediction.querySelectorAll(".verdict-after")) node.remove();
  const labels = after?.answer?.prediction.labels ?? [];
  const found = new Map(labels.map(({ label, probability }) => [label, probability]));
  for (const [label, { after: node, meter }] of afterLabels ?? []) {
    const p = found.get(label);
    node.replaceChildren(...(p === undefined ? [] : ["→ ", probabilityOf(p)]));
    meter.querySelector(".new")?.remove();
    if (p === undefined) continue;
    const fill = make("span", { class: "new" });
    fill.style.width = `${100 * p}%`;
    meter.append(fill);
  }
  const text = verdictAfter(before, after);
  if (text) prediction.prepend(make("p", { class: "verdict-after" }, text));
  if (!after?.answer || labels.length) return;
  const things = drawThings("Prediction after the edits", after.answer.prediction);
  prediction.append(make("div", { class: "verdict-after" }, span("name", "After the edits"), things));
}

function verdictAfter(before, after) {
  if (after?.error) return after.error;
  const [old, now] = [before.answer.prediction.label, after?.answer?.prediction.label];
  if (!after || old === null || now === null) return null;
  return old === now ? "The predicted label stays the same." : plain(`The edits change the label from ${old} to ${now}.`);
}

function drawCardAfter(card) {
  const after = itemAfter(card);
  const failed = card.model.after && !after;
  card.after = after;
  card.afterHalf?.remove();
  card.change?.remove();
  card.afterHalf = after ? drawHalf(card, after) : null;
  card.name.hidden = !after;
  card.copied.textContent = after ? "Copy the edited text as " : "Copy as ";
  if (after) card.halves.append(card.afterHalf);
  card.change = after ? make("p", { class: "change" }, ...changeOf(card)) : failed ? drawFailure(card) : null;
  if (card.change) card.halves.after(card.change);
  drawNumbers(card);
  drawNotes(card);
  card.table?.replaceChildren(...tablesOf(card));
}

function drawFailure({ model, item }) {
  const reason = model.after.error ?? explanationsAfter(model, item).find(([, { error }]) => error)?.[1].error;
  return make("p", { class: reason ? "error" : "quiet" }, reason ?? "The model does not label this after the edits.");
}

// The words after the edits, and below them how much each score has changed.
function drawHalf(card, after) {
  const { model, item, scale } = card;
  const fields = after.fields.map((field) => drawField(after, field, scale));
  const changes = after.fields.map((field) => {
    const before = item.fields.find(({ name }) => name === field.name);
    const indices = indicesBefore(model.archive, model.before.body.inputs, before, field);
    field.before = indices.map((i) => (i === null ? null : before.scores[i]));
    field.indices = indices;
    return { ...field, errors: undefined, scores: field.scores.map((score, i) => score - (field.before[i] ?? score)) };
  });
  const shown = { ...after, fields: changes, place: undefined };
  const largest = largestScore(changes);
  const strips = changes.map((field) =>
    drawField(shown, field, largest, (node, i) => {
      node.classList.toggle("added", field.before[i] === null);
      node.place.tip = () => changeTip(after, field, i);
    })
  );
  const name = make("p", { class: "name" }, "How each score has changed");
  const words = make("p", { class: "name" }, "After the edits");
  return make("div", { class: "half" }, words, ...fields, make("div", { class: "bar" }), name, ...strips);
}

function changeTip(after, field, i) {
  if (field.before[i] === null) return ["This word is new."];
  const now = signed(field.before[i] + field.scores[i]);
  return [make("b", null, signed(field.scores[i])), make("br"), `from ${signed(field.before[i])} to ${now}`];
}

function changeOf({ item, after }) {
  const changed = make("b", null, signed(after.output - item.output));
  const parts = ["The output changed by ", changed, `, from ${number(item.output)} to ${number(after.output)}.`];
  const score = item.contributes ? scoreOfEdited(item) : null;
  if (score === null) return parts;
  const words = state.edits.length === 1 ? "The score of the edited word" : "The scores of the edited words";
  return [...parts, ` ${words} predicted `, make("b", null, signed(-score)), "."];
}

function spokenChange(model) {
  const name = models.length > 1 ? `${model.archive.name}: ` : "";
  if (model.after.error) return name + model.after.error;
  const [card] = model.cards.filter(({ after }) => after);
  const change = card ? changeOf(card).map((part) => (isText(part) ? part : part.textContent)) : [];
  return plain(`${name}${verdictAfter(model.before, model.after) ?? ""} ${change.join("")}`);
}

// The scores as tables: those of the report, or old and new side by side.
function tablesOf({ item, after }) {
  if (!after) return item.fields.map((field) => scoreTable(item, field));
  return item.fields.map((field) => {
    const now = after.fields.find(({ name }) => name === field.name);
    const rows = field.tokens.map((token, i) => {
      const j = now ? now.indices.indexOf(i) : -1;
      const edit = editOf(field, i);
      const isGone = j < 0;
      const values = isGone ? [edit ? DONE[edit.how] : "–", "–"] : [signed(now.scores[j]), signed(now.scores[j] - field.scores[i])];
      return tableRow(token, [signed(field.scores[i]), ...values]);
    });
    const added = (now?.tokens ?? []).flatMap((token, j) =>
      now.indices[j] === null ? [tableRow(token, ["–", signed(now.scores[j]), "new"])] : []
    );
    const names = ["before", "after", "difference"];
    const heads = names.map((name) => make("th", { scope: "col", class: "n" }, name));
    const first = make("th", { scope: "col" }, item.fields.length === 1 ? "word" : bdi(field.name));
    const head = make("thead", null, make("tr", null, first, ...heads));
    const table = make("table", null, head, make("tbody", null, ...rows, ...added));
    return make("div", { class: "rows", tabindex: 0 }, table);
  });
}
const tableRow = (token, cells) =>
  make(
    "tr",
    null,
    make("th", { scope: "row" }, bdi(shortened(token.trimStart()))),
    ...cells.map((cell) => make("td", { class: "n" }, cell))
  );
