// The records, and the values by which they are searched, filtered and sorted

const records = JSON.parse(byId("data").textContent);
const items = (record) => record.results || [];
const methods = new Set(records.flatMap((record) => items(record).map((item) => item.method)));

// What tells a method from the others: "baseline: unknown" of "name (baseline: unknown)".
const parts = [...methods].map((method) => /^(.+?) \((.+)\)$/su.exec(method ?? ""));
const haveOneName = parts.length > 1 && new Set(parts.map((part) => part && part[1])).size === 1;
const columns = new Map([...methods].map((method, i) => [method, haveOneName && parts[i] ? parts[i][2] : method]));

const isWrong = (record) => record.right === false;
const labelsOf = (record) =>
  record.predicted === undefined ? items(record).map((item) => item.target) : record.predicted;
function probability(record) {
  if (record.probabilities) return record.probabilities[0][1];
  return Math.max(-1, ...items(record).map((item) => item.probability ?? -1));
}
const delta = (record) => Math.max(-1, ...items(record).map((item) => item.relative ?? -1));
function length(record) {
  const first = items(record)[0];
  return first ? first.fields.reduce((sum, field) => sum + field.tokens.length, 0) : 0;
}

// The strings in an input, without its keys.
function stringsIn(value) {
  if (typeof value === "string") return [value];
  return value instanceof Object ? Object.values(value).flatMap(stringsIn) : [];
}
const searchTexts = new Map();
function searchText(record) {
  if (!searchTexts.has(record)) {
    const fields = items(record).flatMap((item) => item.fields);
    const texts = fields.map((field) => field.tokens.join(""));
    const labels = items(record).map((item) => item.target || "");
    const all = [...texts, ...labels, ...stringsIn(record.inputs), record.error || ""];
    searchTexts.set(record, all.join("\n").toLowerCase());
  }
  return searchTexts.get(record);
}

// Whether a text has the word as a token, or as a word between others, such as "isn't". In lower case.
function wordTest(word) {
  const escaped = word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  const whole = new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "u");
  const piece = word.replace(/^##/, "");
  const isToken = (token) => [word, piece].includes(token.trim().toLowerCase());
  const matches = (field) =>
    field.tokens.some(isToken) || whole.test(field.tokens.join("").toLowerCase());
  return (record) => items(record).some((item) => item.fields.some(matches));
}
