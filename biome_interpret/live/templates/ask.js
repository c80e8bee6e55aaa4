// Asks the server: requests, errors in words, and what is asked about the chosen archives

// A message for the reader.
class Refusal extends Error {}

const TOKEN = "biome-interpret token";
const GONE = "The server does not answer. Start “biome-interpret serve” again. Then press Explain.";

const MOST_BYTES = 65_536; // Of a request: the server answers no larger ones.
const TOO_LONG = "The text is too long: at most 64 KB can be sent. Shorten the text.";

async function send(route, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  // A header holds no other characters. A token has none that would change here.
  if (token) headers.Authorization = `Bearer ${encodeURIComponent(token)}`;
  const text = body === undefined ? undefined : JSON.stringify(body);
  if (text && new TextEncoder().encode(text).length > MOST_BYTES) throw new Refusal(TOO_LONG);
  let answer;
  try {
    answer = await fetch(`api/${route}`, { method: text ? "POST" : "GET", headers, body: text, signal });
  } catch (error) {
    throw signal?.aborted ? error : new Refusal(GONE);
  }
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}
const ask = async (route, body, signal) => (await send(route, body, signal)).json();

// The names of options stay as they are written.
function sentence(text) {
  const [word] = text.match(/^\w*/);
  const isOption = setup?.interpreters.some(({ options }) => Object.hasOwn(options, word));
  const first = isOption ? text.charAt(0) : text.charAt(0).toUpperCase();
  return first + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

async function refusalOf(answer) {
  let said;
  try {
    said = (await answer.json()).error;
  } catch {
    // Not an answer of this server: a proxy may stand between.
  }
  const refusal = new Refusal(said ? sentence(said) : `The server answered with the status ${answer.status}. Try again.`);
  refusal.status = answer.status;
  const seconds = Number(answer.headers.get("Retry-After"));
  if (answer.status === 503 && seconds) refusal.message += ` Wait ${count(seconds)} s. Then press Explain.`;
  return refusal;
}

function showError(error) {
  byId("error").textContent = error ? error.message : "";
  byId("token-form").hidden = error?.status !== 401;
  if (error?.status === 401) byId("token").focus();
  else if (error && !(error instanceof Refusal)) throw error;
}

// What an option of an interpreter is set to, by the reader or by default. Null if it is not set.
const settingOf = (options, name) => (name in options ? (state.options[name] ?? options[name].default) : null);
// An option means nothing without the one that it needs, or beside others.
const isSet = (options) => (name) => settingOf(options, name) !== null;
function isOfUse(options, name) {
  const { needs = [], without = [] } = options[name];
  return needs.every(isSet(options)) && !without.some(isSet(options));
}

// The chosen baselines, each once. Null if the interpreter uses none.
function baselinesOf({ baseline, ...others }) {
  if (!baseline || settingOf(others, "removal") === "delete") return [null];
  return [...new Set(state.baselines.map((name) => (name === DEFAULT ? baseline.default : name)))];
}

// What is asked of an archive: one explanation for each interpreter, baseline and target.
function explanationsOf(targets) {
  const found = [];
  for (const { name, options } of askedInterpreters()) {
    const own = Object.entries(state.options).filter(([key]) => key in options && isOfUse(options, key));
    for (const baseline of baselinesOf(options)) {
      const set = Object.fromEntries(own);
      if (baseline !== null && baseline !== options.baseline.default) set.baseline = baseline;
      for (const target of targets) found.push({ interpreter: name, target, options: set });
    }
  }
  const most = setup.limits.explanations;
  if (found.length <= most) return found;
  const said = `You chose ${count(found.length)} explanations side by side.`;
  throw new Refusal(`${said} At most ${count(most)} can be shown. Choose fewer.`);
}

// The chosen labels that the archive has, as far as it is known. Null stands for what is predicted.
function knownTargets(archive) {
  const shown = models.find((model) => model.archive === archive)?.before.answer?.prediction.labels ?? [];
  const labels = new Set([...(archive.labels ?? []), ...shown.map(({ label }) => label)]);
  return state.targets.filter((label) => labels.has(label));
}
function targetsOf(archive) {
  const asked = knownTargets(archive);
  return asked.length ? asked : [null];
}
// The chosen labels that no model has.
function unknownTargets() {
  if (models.some(({ before }) => !before.answer)) return [];
  const known = models.flatMap(({ archive }) => knownTargets(archive));
  return models.length ? state.targets.filter((label) => !known.includes(label)) : [];
}
// What the model predicts: a label, or several labels at once. Null for other things, such as spans.
function predictedOf({ label, labels, things }) {
  const found = labels.map((one) => one.label).filter((name) => things.some((one) => one.label === name));
  return found.length ? found : [label];
}

// The example's gold label is that of the text before edits.
function bodyOf(archive) {
  const explanations = explanationsOf(targetsOf(archive));
  return { archive: archive.name, inputs: inputsOf(archive), explanations, gold: shownExample()?.gold };
}

// The same about the edited text. The targets stay, so that the outputs can be compared: what was
// predicted becomes an explanation for each label. `origins` says from which one it comes.
function editedQuestion(archive, { body, answer }) {
  const each = body.explanations.flatMap((one, i) => {
    const targets = one.target === null ? predictedOf(answer.prediction) : [one.target];
    return targets.map((target) => [i, { ...one, target }]);
  });
  const found = each.length <= setup.limits.explanations ? each : [...body.explanations.entries()];
  const explanations = found.map(([, one]) => one);
  const inputs = editedInputs(archive, body.inputs);
  return { body: { archive: archive.name, inputs, explanations }, origins: found.map(([i]) => i) };
}

// Whether the edits are in a text that the archive reads.
const isEdited = ({ before: { answer, body } }) =>
  Boolean(answer) && state.edits.some(({ path }) => isText(at(body.inputs, path)));

let models = []; // For each chosen archive: what was asked and answered before and after the edits.
let explaining = new AbortController();
let editing = new AbortController();

const hasOtherTargets = ({ archive, before: { body, answer } }) =>
  Boolean(answer) && targetsOf(archive).some((target) => body.explanations.every((one) => one.target !== target));

// Explains the text with each chosen archive.
async function explain(isAgain = false) {
  explaining.abort();
  editing.abort();
  clearTimeout(pendingEdits);
  explaining = new AbortController();
  const { signal } = explaining;
  showError(null);
  try {
    saveState();
    const asked = askedArchives().map((archive) => ({ archive, before: { body: bodyOf(archive) } }));
    showProgress(`Explaining with ${asked.length === 1 ? "the model" : `${asked.length} models`} …`);
    const start = performance.now();
    await Promise.all(asked.map((model) => answerInto(model.before, signal)));
    models = asked;
    byId("answer").classList.remove("stale");
    drawModels();
    // Which labels there are may depend on the text, such as the number of alternatives.
    if (!isAgain && asked.some(hasOtherTargets)) return await explain(true);
    const seconds = Number(((performance.now() - start) / 1000).toPrecision(2));
    announce(models.map(spokenResult).join(" "));
    if (state.edits.length) await askEdited();
    else showProgress(`Done in ${seconds} s.`);
  } catch (error) {
    if (signal.aborted) return;
    showProgress("");
    showError(error);
    byId("answer").classList.add("stale");
  }
}

// Puts the answer, or the reason why there is none, beside what was asked.
async function answerInto(asked, signal) {
  try {
    asked.answer = await ask("explain", asked.body, signal);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status === 401 || askedArchives().length === 1) throw error;
    asked.error = error.message;
  }
}

// Asks about the edited text, and shows the answers beside those about the text as it was.
async function askEdited() {
  editing.abort();
  editing = new AbortController();
  const { signal } = editing;
  showError(null);
  saveState();
  drawEdits();
  for (const model of models) model.after = null;
  if (!state.edits.length) {
    models.forEach(drawAfter);
    showProgress("All words are restored.");
    return;
  }
  try {
    const answered = models.filter(isEdited);
    const asked = answered.map((model) => editedQuestion(model.archive, model.before));
    await Promise.all(asked.map((after) => answerInto(after, signal)));
    answered.forEach((model, i) => (model.after = asked[i]));
    models.forEach(drawAfter);
    showProgress("Done.");
    announce(answered.map(spokenChange).join(" "));
  } catch (error) {
    if (signal.aborted) return;
    models.forEach(drawAfter); // What was shown was about the edits before.
    showProgress("");
    showError(error);
  }
}

function showProgress(text) {
  byId("status").textContent = text;
  byId("answer").setAttribute("aria-busy", text.endsWith("…"));
}
const announce = (text) => (byId("news").textContent = text);
