"use strict";
// The page's parts share this scope and run in this order.
(() => {
const LEVELS = {{ levels }};

{% include "shared/format.js" %}

{% include "shared/words.js" %}

{% include "shared/tooltip.js" %}

{% include "shared/theme.js" %}

{% include "state.js" %}

{% include "edits.js" %}

{% include "ask.js" %}

{% include "form.js" %}

{% include "bar.js" %}

{% include "results.js" %}

{% include "card.js" %}

{% include "compare.js" %}

{% include "share.js" %}

// Shows what the address holds.
async function restore() {
  showError(null);
  let given = null;
  let problem = null;
  try {
    given = fromFragment(location.hash);
  } catch {
    problem = new Refusal("The link is broken: a part of it may be missing. Copy it again as a whole.");
  }
  checkedState(given);
  drawForm();
  drawHows();
  models = [];
  byId("answer").hidden = true;
  if (hasText()) await explain();
  const unknown = [...unknownNames(given), ...unknownTargets()];
  if (unknown.length) {
    problem = new Refusal(plain(`This server does not have ${unknown.join(", ")}. It shows what it has.`));
  }
  if (problem) showError(problem);
}

function drawAbout() {
  const { biome_interpret: version, torch } = setup.version;
  const [first] = setup.archives;
  const rows = setup.archives.length > 1 ? [] : [["Archive", first.name], ["Model", first.model], ["Predictor", first.predictor]];
  rows.push(["biome-interpret", version], ["torch", torch]);
  byId("about").replaceChildren(
    ...rows.map(([name, text]) => make("div", null, make("dt", null, name), make("dd", null, bdi(text))))
  );
}

async function begin() {
  try {
    setup = await ask("setup");
    ({ examples } = await ask("examples"));
    drawAbout();
    drawShare();
    await restore();
  } catch (error) {
    showError(error);
  }
}

// The token is in the address that the command prints. It leaves the address at once.
function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
  return begin();
}
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value.trim());
});
addEventListener("hashchange", () => setup && restore());

showTheme();
followTokens(byId("models"));
const parts = partsOfFragment(location.hash);
if (parts.has("token")) {
  const rest = parts.has("state") ? `#state=${parts.get("state")}` : location.pathname;
  history.replaceState(null, "", rest);
  keepToken(parts.get("token") ?? "");
} else {
  begin();
}
})();
