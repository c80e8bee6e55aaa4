// The records, and the values by which they are searched, filtered and sorted

const records = JSON.parse(byId("data").textContent);
const items = (record) => record.results || [];
const methods = new Set(records.flatMap((record) => items(record).map((item) => item.method)));

const isWrong = (record) => record.gold !== undefined && record.gold !== record.predicted;
const labelsOf = (record) =>
  record.predicted === undefined ? items(record).map((item) => item.target) : [record.predicted];
function probability(record) {
  if (record.probabilities) return record.probabilities[0][1];
  return Math.max(-1, ...items(record).map((item) => item.probability ?? -1));
}
const delta = (record) => Math.max(-1, ...items(record).map((item) => item.relative ?? -1));
function length(record) {
  const first = items(record)[0];
  return first ? first.fields.reduce((sum, field) => sum + field.tokens.length, 0) : 0;
}

function largestScore(fields) {
  let largest = 0;
  for (const field of fields) {
    for (const score of field.scores) largest = Math.max(largest, Math.abs(score));
  }
  return largest;
}
const totalScore = (field) => field.scores.reduce((sum, score) => sum + Math.abs(score), 0);

const searchTexts = new Map();
function searchText(record) {
  if (!searchTexts.has(record)) {
    const fields = items(record).flatMap((item) => item.fields);
    const texts = fields.map((field) => field.tokens.join(""));
    const labels = items(record).map((item) => item.target || "");
    const inputs = record.inputs === undefined ? "" : JSON.stringify(record.inputs);
    const all = [...texts, ...labels, inputs, record.error || ""];
    searchTexts.set(record, all.join("\n").toLowerCase());
  }
  return searchTexts.get(record);
}
