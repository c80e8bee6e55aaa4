// The form: the input fields, and what is chosen

const CAPTIONS = {
  granularity: "A score for each",
  inference_mode: "Explained output",
  tolerance: "Tolerance",
};
const KINDS = { text: "", texts: " (one text on each line)", json: " (JSON)" };
const caption = (name) => CAPTIONS[name] || name.replaceAll("_", " ");

let examples = [];
const exampleTexts = (example) =>
  Object.fromEntries(
    askedFields().map(({ name, kind }) => {
      const value = name === WHOLE.name ? example.inputs : example.inputs[name];
      if (value === undefined || value === null) return [name, ""];
      if (kind === "text" && isText(value)) return [name, value];
      if (kind === "texts" && Array.isArray(value)) return [name, value.join("\n")];
      return [name, JSON.stringify(value)];
    })
  );
// The example that the form shows, if it shows one.
const shownExample = () =>
  examples.find((example) =>
    Object.entries(exampleTexts(example)).every(([name, text]) => (state.inputs[name] ?? "") === text)
  );

function drawExamples() {
  const select = byId("example");
  select.replaceChildren(make("option", { value: "" }, "your own text"));
  examples.forEach((example, i) => {
    const text = Object.values(exampleTexts(example)).join(" · ").slice(0, 90);
    const gold = example.gold === undefined ? "" : `${[example.gold].flat().join(" ").slice(0, 30)}: `;
    select.append(make("option", { value: i }, gold + text));
  });
  byId("example-label").hidden = !examples.length;
  markExample();
}
const markExample = () => (byId("example").value = String(examples.indexOf(shownExample())).replace("-1", ""));

function drawInputs() {
  const labels = askedFields().map(({ name, kind, required, hint }) => {
    const box = make("textarea", {
      rows: kind === "text" ? 2 : 4,
      dir: "auto",
      spellcheck: "false",
      placeholder: hint,
      required: required ? "" : null,
    });
    box.value = state.inputs[name] ?? "";
    const checkBlank = () => {
      const isBlank = required && box.value && !box.value.trim();
      box.setCustomValidity(isBlank ? "There are only spaces here. Write a text." : "");
    };
    checkBlank();
    box.addEventListener("input", () => {
      state.inputs[name] = box.value;
      checkBlank();
      state.edits = [];
      markExample();
      markStale("The text has changed.");
    });
    const head = span("caption", bdi(name || "Input"), (KINDS[kind] || "") + (required ? "" : " (optional)"));
    return make("label", null, head, box);
  });
  byId("inputs").replaceChildren(...labels);
}

// Check boxes for a list of the state, of which at least one stays checked.
function drawGroup(legend, key, entries, change) {
  if (entries.length < 2) return null;
  const boxes = entries.map(([name, title]) => {
    const box = make("input", { type: "checkbox", name: key, value: name });
    box.checked = state[key].includes(name);
    box.addEventListener("change", () => {
      const names = entries.map(([one]) => one).filter((one) => (one === name ? box.checked : state[key].includes(one)));
      if (!names.length) {
        box.checked = true;
        return showProgress("Keep at least one choice.");
      }
      state[key] = names;
      change();
    });
    return make("label", null, box, " ", bdi(title));
  });
  return make("fieldset", null, make("legend", null, legend), ...boxes);
}

function setOption(name, value) {
  if (value === undefined) delete state.options[name];
  else state.options[name] = value;
  explainAgain();
}

// Nothing is asked for until the reader chooses: each interpreter has its own default.
const CONTROLS = {
  choice(name, { choices = [true, false], defaults }) {
    const select = make("select");
    const usual = defaults.length > 1 ? "default" : (defaults[0] ?? "not set");
    if (!choices.includes(usual)) select.append(make("option", { value: "" }, usual));
    for (const choice of choices) {
      const words = { true: "yes", false: "no" }[choice] ?? choice.replaceAll("_", " ");
      select.append(make("option", { value: choice }, words + (choice === usual ? " (default)" : "")));
    }
    select.value = state.options[name] ?? (choices.includes(usual) ? usual : "");
    select.addEventListener("change", () => setOption(name, choices.find((one) => String(one) === select.value)));
    return select;
  },
  number(name, { least, most, defaults, type }) {
    const attributes = { type: "number", min: least, max: most, step: type === "integer" ? 1 : "any" };
    const placeholder = defaults.map((usual) => usual ?? "not set").join(" or ");
    const input = make("input", { ...attributes, placeholder });
    input.value = state.options[name] ?? "";
    input.addEventListener("change", () => {
      if (input.reportValidity()) setOption(name, input.value === "" ? undefined : input.valueAsNumber);
    });
    return input;
  },
};
CONTROLS.integer = CONTROLS.number;
CONTROLS.flag = CONTROLS.choice;

function drawOption(name, option) {
  const help = name in CAPTIONS || !option.help ? null : span("quiet", " " + option.help);
  const control = CONTROLS[option.type](name, option);
  return make("label", { title: option.help }, span("caption", caption(name)), " ", control, help);
}

// The options of all chosen interpreters. The most used ones come first.
function drawOptions() {
  const options = [...askedOptions()];
  const first = Object.keys(CAPTIONS).flatMap((name) => options.filter(([other]) => other === name));
  const others = options.filter(([name]) => !(name in CAPTIONS));
  byId("options").replaceChildren(...first.map(([name, option]) => drawOption(name, option)));
  byId("other-options").replaceChildren(...others.map(([name, option]) => drawOption(name, option)));
  byId("more-options").hidden = !others.length;
}

function drawChoices() {
  const titles = (list) => list.map(({ name, title }) => [name, title || name]);
  const groups = [
    drawGroup("Models", "archives", titles(setup.archives), () => {
      Object.assign(state, { edits: [], baselines: chosen(state.baselines, knownBaselines()) });
      drawInputs();
      drawExamples();
      drawHows();
      drawBaselines();
      explainAgain();
    }),
    drawGroup("Interpreters", "interpreters", titles(setup.interpreters), () => {
      drawOptions();
      explainAgain();
    }),
  ];
  byId("choices").replaceChildren(...groups.filter(Boolean), make("div", { id: "baselines" }));
  drawBaselines();
}
function drawBaselines() {
  const names = knownBaselines().map((name) => [name, name]);
  byId("baselines").replaceChildren(drawGroup("Baselines", "baselines", names, explainAgain) ?? "");
}

function drawForm() {
  drawExamples();
  drawInputs();
  drawChoices();
  drawOptions();
}

const hasText = () => Object.values(state.inputs).some((text) => text.trim());

// After a change of what is chosen, a result that is shown is made anew.
function explainAgain() {
  if (models.length && hasText() && byId("question").reportValidity()) explain();
  else {
    saveState();
    markStale("The choices have changed.");
  }
}

// The browser shows no message in a part that is closed.
function openAround({ target }) {
  const part = target.closest("details");
  if (part) part.open = true;
}
byId("question").addEventListener("invalid", openAround, true);

// Says that the result is not that of the form.
function markStale(why) {
  byId("answer").classList.add("stale");
  showProgress(models.length ? `${why} Press Explain.` : "");
}

byId("question").addEventListener("submit", (event) => {
  event.preventDefault();
  explain();
});
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  byId("question").requestSubmit();
});
byId("example").addEventListener("change", (event) => {
  const example = examples[event.target.value];
  if (!example) return;
  Object.assign(state, { inputs: exampleTexts(example), edits: [] });
  drawInputs();
  explain();
});
