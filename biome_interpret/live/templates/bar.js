// The bar from f(x') to f(x): how the words add up to the difference

// As shares of the width: narrower parts are drawn as one, and have no room for their words.
const NARROW = 0.012;
const ROOM = 0.05;

function wordsBySize(item, sign) {
  const words = [];
  for (const field of item.fields) {
    field.scores.forEach((score, i) => {
      if (score * sign > 0) words.push({ text: Array.from(field.tokens[i].trim()).slice(0, 40).join(""), score });
    });
  }
  return words.sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
}
const sumOf = (words) => words.reduce((sum, { score }) => sum + score, 0);

// Places a part of the bar. A style attribute would be against the page's security policy.
function placed(node, from, to, [low, high]) {
  node.style.left = `${(100 * (Math.min(from, to) - low)) / (high - low)}%`;
  node.style.width = `${(100 * Math.abs(to - from)) / (high - low)}%`;
  return node;
}

// One row of parts that follow one another, from `start`.
function barRow(words, start, cls, range) {
  const row = make("div", { class: `row ${cls}` });
  let reached = start;
  words.forEach(({ text, score }, i) => {
    const rest = sumOf(words.slice(i));
    if (reached === null) return;
    const width = range[1] - range[0];
    const isNarrow = Math.abs(score) < NARROW * width && i < words.length - 1;
    const [name, size] = isNarrow ? [`${words.length - i} more`, rest] : [text, score];
    const to = reached + size;
    const part = make("span", { class: "part", title: `${name} ${signed(size)}` });
    if (Math.abs(size) > ROOM * width) part.append(bdi(name), ` ${signed(size)}`);
    row.append(placed(part, reached, to, range));
    reached = isNarrow ? null : to;
  });
  return row;
}

function spoken(words) {
  const first = words.slice(0, 3).map(({ text, score }) => `${text} ${signed(score)}`);
  if (words.length > 3) first.push(`${count(words.length - 3)} more`);
  return first.join(", ") || "none";
}

const addsUp = (item) => item.baseline !== undefined && item.delta !== undefined;

// What the bars of several results have room for, so that they can be compared.
function commonRange(found) {
  const places = found.filter(addsUp).flatMap((item) => {
    const top = item.baseline + sumOf(wordsBySize(item, 1));
    return [item.baseline, top, top + sumOf(wordsBySize(item, -1)), item.output];
  });
  return [Math.min(...places), Math.max(...places)];
}

// Null if the scores need not add up to the difference.
function drawBar(item, range) {
  if (!addsUp(item) || !(range[1] > range[0])) return null;
  const [plus, less] = [wordsBySize(item, 1), wordsBySize(item, -1)];
  const top = item.baseline + sumOf(plus);
  const end = top + sumOf(less);
  const said =
    `From f(x′) ${number(item.baseline)}, words for the target add ${number(sumOf(plus))}: ` +
    `${spoken(plus)}. Words against it take away ${number(-sumOf(less))}: ${spoken(less)}. ` +
    `They lead to f(x) ${number(item.output)}.`;
  const lower = barRow(less, top, "less", range);
  const rest = item.output - end;
  if (Math.abs(rest) > NARROW * (range[1] - range[0])) {
    const part = make("span", { class: "part rest", title: `not in the scores of words ${signed(rest)}` });
    lower.append(placed(part, end, item.output, range));
  }
  const shareOf = (value) => (value - range[0]) / (range[1] - range[0]);
  const areNear = Math.abs(shareOf(item.output) - shareOf(item.baseline)) < 0.4;
  const mark = (cls, value, text) => {
    const node = make("span", { class: `mark ${cls} ${shareOf(value) > 0.5 ? "left" : ""}` }, make("span", null, text));
    node.style.left = `${100 * shareOf(value)}%`;
    return node;
  };
  return make(
    "div",
    { class: "adds", role: "img", "aria-label": said },
    barRow(plus, item.baseline, "plus", range),
    lower,
    mark("", item.baseline, `f(x′) ${number(item.baseline)}`),
    mark(areNear ? "below" : "", item.output, `f(x) ${number(item.output)}`)
  );
}
