// Edits of the text: words that are struck out, masked or replaced

const HOWS = new Map([
  ["strike", "strikes it out"],
  ["mask", "masks it"],
  ["replace", "replaces it"],
]);
const DONE = { strike: "struck out", mask: "masked", replace: "replaced" };

// What an archive is asked. The form holds strings: `kind` says what they stand for.
function inputsOf(archive) {
  const inputs = {};
  for (const { name, kind, required } of fieldsOf(archive)) {
    const text = state.inputs[name] ?? "";
    if (!text.trim() && !required) continue;
    inputs[name] = kind === "json" ? parsed(text, name) : kind === "texts" ? text.trimEnd().split("\n") : text;
  }
  return WHOLE.name in inputs ? inputs[WHOLE.name] : inputs;
}
function parsed(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refusal(`${name || "The input"} is not JSON (${error.message}). Write it as JSON.`);
  }
}

const at = (inputs, path) =>
  path.reduce(
    (value, key) => (value instanceof Object && Object.hasOwn(value, key) ? value[key] : undefined),
    inputs
  );
const editsAt = (path) => state.edits.filter((edit) => String(edit.path) === String(path));

// The parts of a text that its edits replace, from the left: [start, end, new text]. A word that is
// struck out takes the space beside it along.
function replacements(text, edits, mask) {
  const parts = [];
  let after = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    let { start, end } = edit;
    if (edit.how === "strike" && /\s/u.test(text.charAt(start - 1))) start -= 1;
    else if (edit.how === "strike" && start === 0 && /\s/u.test(text.charAt(end))) end += 1;
    start = Math.max(start, after);
    end = Math.min(end, text.length);
    if (start >= end) continue;
    parts.push([start, end, edit.how === "strike" ? "" : edit.how === "mask" ? mask : edit.text]);
    after = end;
  }
  return parts;
}
const partsAt = (archive, text, path) => replacements(text, editsAt(path), archive.mask?.text ?? "");

function withParts(text, parts) {
  let result = "";
  let done = 0;
  for (const [start, end, replacement] of parts) {
    result += text.slice(done, start) + replacement;
    done = end;
  }
  return result + text.slice(done);
}

// The inputs with the edits in them.
function editedInputs(archive, inputs) {
  const edited = structuredClone(inputs);
  for (const path of new Set(state.edits.map((edit) => edit.path))) {
    const text = at(inputs, path);
    if (!isText(text)) continue;
    at(edited, path.slice(0, -1))[path[path.length - 1]] = withParts(text, partsAt(archive, text, path));
  }
  return edited;
}

// Where a part of the text stands after the edits. Null if an edit touches it.
function moved([from, to], parts) {
  let shift = 0;
  for (const [start, end, replacement] of parts) {
    if (from < end && start < to) return null;
    if (end <= from) shift += replacement.length - (end - start);
  }
  return [from + shift, to + shift];
}

// Where a token stands: the path of its string, its start and its end. Null if it is in no string.
function placeOf({ strings, spans }, i) {
  if (!spans[i]) return null;
  const [string, start, end] = spans[i];
  return { path: strings[string], start, end };
}

// For each token after the edits: its index before them. Null for a new token.
function indicesBefore(archive, inputs, before, after) {
  if (!before) return after.tokens.map(() => null);
  const parts = new Map();
  const names = namesOf(before, ({ path, start, end }) => {
    const key = String(path);
    if (!parts.has(key)) parts.set(key, partsAt(archive, at(inputs, path), path));
    return moved([start, end], parts.get(key));
  });
  const indices = new Map(names.map((name, i) => [name, i]));
  return namesOf(after, ({ start, end }) => [start, end]).map((name) => indices.get(name) ?? null);
}

// A name for each token: where it stands. Tokens that are not in the text, such as [CLS], are counted.
function namesOf(field, spanOf) {
  const seen = new Map();
  return field.tokens.map((token, i) => {
    const place = placeOf(field, i);
    if (place) return `${place.path} ${spanOf(place) ?? `was ${i}`}`;
    seen.set(token, (seen.get(token) ?? 0) + 1);
    return `${token} ${seen.get(token)}`;
  });
}

// The edits that touch a token, and the one that covers the whole of it.
function editsOf(field, i) {
  const place = placeOf(field, i);
  if (!place) return [];
  return editsAt(place.path).filter(({ start, end }) => start < place.end && place.start < end);
}
function editOf(field, i) {
  const place = placeOf(field, i);
  return editsOf(field, i).find(({ start, end }) => start <= place.start && place.end <= end);
}

// The sum of the scores of all edited words. Null if only a part of a word, or of a sentence, is edited.
function scoreOfEdited(item) {
  let sum = 0;
  for (const field of item.fields) {
    for (const [i, score] of field.scores.entries()) {
      if (editOf(field, i)) sum += score;
      else if (editsOf(field, i).length) return null;
    }
  }
  return sum;
}

// Edits a word. The same edit again puts it back, and another takes its place.
function editWord({ field, i }, how, text) {
  const edit = editOf(field, i);
  const touching = editsOf(field, i);
  state.edits = state.edits.filter((other) => !touching.includes(other));
  if (edit?.how === how && text === undefined) return;
  state.edits.push({ ...placeOf(field, i), how, ...(text === undefined ? {} : { text }) });
}
