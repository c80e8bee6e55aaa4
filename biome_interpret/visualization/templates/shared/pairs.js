// Draws the interactions of pairs of tokens, as a table that is filled when it is opened

function drawPairs(item) {
  const tokens = item.fields.flatMap((field) => field.tokens);
  const { places, values } = item.pairs;
  const largest = Math.max(0, ...values.flat().map(Math.abs));
  const head = (i, scope) => make("th", { scope }, bdi(shortened(tokens[i].trimStart())));
  const cell = (value) => make("td", { class: ("n " + shade(value, largest)).trim() }, value ? signed(value) : "");
  const left = tokens.length - places.length;
  const title = "interactions of pairs" + (left ? `, of the ${count(places.length)} tokens that interact most` : "");
  return more(title, () => {
    const columns = make("tr", null, make("td"), ...places.map((i) => head(i, "col")));
    const rows = values.map((row, k) => make("tr", null, head(places[k], "row"), ...row.map(cell)));
    const table = make("table", null, make("thead", null, columns), make("tbody", null, ...rows));
    return [make("div", { class: "rows", tabindex: 0 }, table)];
  });
}
