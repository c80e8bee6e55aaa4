// What is asked, and the address that holds it

const MOST_EDITS = 200;

let setup = null; // What the server can do: the answer of api/setup.
let state = null; // What is asked. The fragment of the address holds all of it.

const isText = (value) => typeof value === "string";
const isObject = (value) => value instanceof Object && !Array.isArray(value);
const named = (list, name) => list.find((one) => one.name === name);
const askedArchives = () => state.archives.map((name) => named(setup.archives, name));
const askedInterpreters = () => state.interpreters.map((name) => named(setup.interpreters, name));

// If the server does not know all input fields of an archive, one field holds the whole JSON.
const WHOLE = { name: "", kind: "json", required: true };
function fieldsOf({ fields, complete }) {
  if (fields.length && complete) return fields;
  const known = Object.fromEntries(fields.map(({ name }) => [name, "…"]));
  return [{ ...WHOLE, hint: JSON.stringify(known) }];
}

// The input fields of the chosen archives, each once.
function askedFields() {
  const fields = new Map();
  for (const field of askedArchives().flatMap(fieldsOf)) {
    if (!fields.has(field.name)) fields.set(field.name, field);
  }
  return [...fields.values()];
}

// The options of interpreters, each once, with all its defaults and what all of them take. The
// baselines have a control of their own: those that all chosen archives have.
function optionsOf(interpreters) {
  const found = new Map();
  for (const [name, option] of interpreters.flatMap((one) => Object.entries(one.options))) {
    if (name !== "baseline") found.set(name, [...(found.get(name) ?? []), option]);
  }
  return new Map([...found].map(([name, all]) => [name, joined(all)]));
}
function joined(all) {
  const each = (key) => [...new Set(all.map((option) => option[key]))];
  const [least, most] = [Math.max(...each("least")), Math.min(...each("most"))];
  return { ...all[0], least, most, defaults: each("default"), help: each("help").join(" ") };
}
const askedOptions = () => optionsOf(askedInterpreters());
const DEFAULT = "default";
function knownBaselines() {
  const offered = setup.interpreters.flatMap(({ options }) => options.baseline ?? []);
  const isKnown = (name) => askedArchives().every(({ baselines }) => baselines.includes(name));
  const known = [...new Set(offered.flatMap(({ choices }) => choices))].filter(isKnown);
  const haveOne = new Set(offered.map((option) => option.default)).size < 2;
  return haveOne ? known : [DEFAULT, ...known]; // That of each interpreter.
}

// The parts of a fragment, such as "#token=...&state=...".
const partsOfFragment = (fragment) => new Map(fragment.slice(1).split("&").map((part) => part.split("=")));

// The fragment is sent to no server. It is base64 of JSON: mail and chat programs leave it alone.
function toFragment(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return "#state=" + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The value in a fragment. It throws if the fragment is broken.
function fromFragment(fragment) {
  const binary = atob((partsOfFragment(fragment).get("state") || "bnVsbA").replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

// A text that is too long to be asked is too long for an address.
function saveState() {
  const length = Object.values(state.inputs).reduce((sum, text) => sum + text.length, 0);
  if (length <= MOST_BYTES) history.replaceState(null, "", toFragment(state));
}

const isEdit = (edit) =>
  isObject(edit) &&
  Array.isArray(edit.path) &&
  HOWS.has(edit.how) &&
  (edit.how !== "replace" || isText(edit.text)) &&
  Number.isInteger(edit.start) &&
  Number.isInteger(edit.end) &&
  0 <= edit.start &&
  edit.start < edit.end;

function isValue(option, value) {
  if (option.type === "flag") return typeof value === "boolean";
  if (option.type === "choice") return option.choices.includes(value);
  const isKind = option.type === "integer" ? Number.isInteger(value) : typeof value === "number";
  return isKind && option.least <= value && value <= option.most;
}

// Those of the given names that are known. At least one.
function chosen(names, known) {
  const found = Array.isArray(names) ? known.filter((name) => names.includes(name)) : [];
  return found.length ? found : known.slice(0, 1);
}

// Scores of words that are parts of the output. A link says both. What a link leaves out has the
// interpreter's own default: older links meant the mean.
const FIRST_OPTIONS = { granularity: "word", granularity_aggregation_strategy: "sum" };

// A state that can be asked, made of whatever a link holds.
function checkedState(value) {
  const given = isObject(value) ? value : {};
  const options = isObject(given.options) ? given.options : FIRST_OPTIONS;
  const inputs = isObject(given.inputs) ? given.inputs : {};
  state = {
    inputs: Object.fromEntries(Object.entries(inputs).filter(([, text]) => isText(text))),
    archives: chosen(given.archives, setup.archives.map(({ name }) => name)),
    interpreters: chosen(given.interpreters, setup.interpreters.map(({ name }) => name)),
    baselines: [],
    targets: Array.isArray(given.targets) ? given.targets.filter(isText) : [],
    options: {},
    edits: Array.isArray(given.edits) ? given.edits.filter(isEdit).slice(0, MOST_EDITS) : [],
  };
  state.baselines = chosen(given.baselines, knownBaselines());
  for (const [name, option] of new Map([...optionsOf(setup.interpreters), ...askedOptions()])) {
    if (isValue(option, options[name])) state.options[name] = options[name];
  }
  return state;
}

// The names in a link that this server does not know.
function unknownNames(value) {
  const namesOfAll = (list) => list.map(({ name }) => name);
  const lists = {
    archives: namesOfAll(setup.archives),
    interpreters: namesOfAll(setup.interpreters),
    baselines: knownBaselines(),
  };
  return Object.entries(lists).flatMap(([key, known]) =>
    Array.isArray(value?.[key]) ? value[key].filter((name) => isText(name) && !known.includes(name)) : []
  );
}
