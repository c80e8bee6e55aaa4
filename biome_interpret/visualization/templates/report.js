"use strict";
(() => {
  const LEVELS = {{ levels }};
  const CHUNK = 20; // Texts that are drawn together.
  const PRINTED = 500; // No more go onto paper.
  const NEAR = 1500; // Pixels around the window in which they are.
  const CUT_TOKENS = 400; // A text shows so many, and the rest when asked to.
  const CUT_CHARACTERS = 300; // So does a token.

  const records = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const list = byId("texts");
  const tip = byId("tip");
  const tools = byId("tools");

  // Text goes into the page through here only, as text.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }
  const bdi = (text) => make("bdi", null, text);

  // Numbers

  const minus = (text) => text.replaceAll("-", "−");
  function number(value) {
    if (value === undefined || value === null) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return minus(value.toExponential(1));
    return minus(String(Number(value.toPrecision(4))));
  }
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  function percent(share) {
    if (share === undefined || share === null) return "–";
    const value = 100 * share;
    if (value > 0 && value < 0.1) return "< 0.1 %";
    return (value > 99.9 && value < 100 ? "> 99.9" : value.toFixed(1)) + " %";
  }
  const count = (n) => n.toLocaleString("en");

  // What is asked of a text when sorting and filtering

  const items = (record) => record.results || [];
  const fields = (record) => items(record).flatMap((item) => item.fields);
  const isWrong = (record) => record.gold !== undefined && record.gold !== record.predicted;
  function probability(record) {
    if (record.probabilities) return record.probabilities[0][1];
    return Math.max(-1, ...items(record).map((item) => item.probability ?? -1));
  }
  const delta = (record) => Math.max(-1, ...items(record).map((item) => item.relative ?? -1));
  function length(record) {
    const first = items(record)[0];
    return first ? first.fields.reduce((sum, field) => sum + field.tokens.length, 0) : 0;
  }
  function largest(all) {
    let most = 0;
    for (const field of all) {
      for (const score of field.scores) if (Math.abs(score) > most) most = Math.abs(score);
    }
    return most;
  }
  const searchable = new Map();
  function words(record) {
    if (!searchable.has(record)) {
      const texts = fields(record).map((field) => field.tokens.join(""));
      const labels = items(record).map((item) => item.target || "");
      const inputs = record.inputs === undefined ? "" : JSON.stringify(record.inputs);
      searchable.set(
        record,
        [...texts, ...labels, inputs, record.error || ""].join("\n").toLowerCase()
      );
    }
    return searchable.get(record);
  }

  // One text

  let methods = new Set();
  // The score that is shaded fully, of each interpreter, over all texts.
  let scales = null;

  function scaleOf(record, item) {
    if (scales) return scales.get(item.method);
    const alike = items(record).filter((other) => other.method === item.method);
    return largest(alike.flatMap((other) => other.fields));
  }

  function shade(score, most) {
    const level = most ? Math.floor(Math.min(Math.abs(score) / most, 1) * LEVELS + 0.5) : 0;
    return level ? (score > 0 ? "f" : "a") + level : "";
  }

  function shortened(token) {
    const characters = Array.from(token);
    if (characters.length <= CUT_CHARACTERS) return token;
    const left = characters.length - CUT_CHARACTERS;
    return characters.slice(0, CUT_CHARACTERS).join("") + ` … (${count(left)} more)`;
  }

  function drawTokens(paragraph, field, item, most, until) {
    const nodes = [];
    for (let i = paragraph.drawn || 0; i < until; i++) {
      const token = field.tokens[i];
      const spaced = token.startsWith(" ");
      if (spaced && i > 0) nodes.push(" ");
      const span = document.createElement("span");
      span.className = ("t " + shade(field.scores[i], most)).trim();
      span.textContent = shortened(spaced ? token.slice(1) : token);
      span.tabIndex = i === 0 ? 0 : -1;
      span.of = { field, item, i };
      nodes.push(span);
    }
    paragraph.drawn = until;
    paragraph.append(...nodes);
  }

  function drawField(record, item, field, isOnly) {
    const most = scaleOf(record, item);
    const total = field.tokens.length;
    const paragraph = make("p", {
      class: "tokens",
      dir: "auto",
      role: "group",
      "aria-label": `${field.name}: ${count(total)} tokens; arrow keys go through their scores`,
    });
    drawTokens(paragraph, field, item, most, Math.min(total, CUT_TOKENS));
    const parts = [paragraph];
    if (total > CUT_TOKENS) {
      const rest = () => drawTokens(paragraph, field, item, most, total);
      paragraph.drawAll = () => {
        if (paragraph.drawn < total) rest();
        paragraph.classList.remove("cut");
        button.remove();
      };
      const button = make("button", { type: "button" }, `Show all ${count(total)} tokens`);
      button.addEventListener("click", () => {
        paragraph.drawAll();
        paragraph.firstChild.focus({ preventScroll: true });
      });
      paragraph.classList.add("cut");
      parts.push(button);
    }
    return make("div", { class: "field" }, isOnly ? null : make("span", { class: "name" }, bdi(field.name)), ...parts);
  }

  function numbers(item) {
    const parts = [["output", number(item.output)]];
    if (item.baseline !== undefined) parts.push(["baseline", number(item.baseline)]);
    if (item.delta !== undefined) {
      const share = item.relative === undefined ? "" : ` (${percent(item.relative)})`;
      parts.push(["delta", number(item.delta) + share]);
    }
    if (item.error !== undefined) parts.push(["estimated error", percent(item.error)]);
    if (item.unassigned !== undefined) parts.push(["unassigned", number(item.unassigned)]);
    const texts = parts.map(([name, value]) => `${name} ${value}`);
    texts.push(`${count(item.evaluations)} evaluation${item.evaluations === 1 ? "" : "s"}`);
    return make("span", { class: "numbers" }, ...texts.map((text) => make("span", null, text)));
  }

  function scoreTable(field, isOnly) {
    const total = field.scores.reduce((sum, score) => sum + Math.abs(score), 0);
    const heads = ["score", "share", ...(field.errors ? ["± standard error"] : [])];
    const rows = field.tokens.map((token, i) => {
      const cells = [signed(field.scores[i]), percent(total ? Math.abs(field.scores[i]) / total : 0)];
      if (field.errors) cells.push(number(field.errors[i]));
      return make(
        "tr",
        null,
        make("th", { scope: "row" }, bdi(shortened(token.trimStart()))),
        ...cells.map((cell) => make("td", { class: "n" }, cell))
      );
    });
    const head = make(
      "tr",
      null,
      make("th", { scope: "col" }, isOnly ? "token" : bdi(field.name)),
      ...heads.map((name) => make("th", { scope: "col", class: "n" }, name))
    );
    return make("div", { class: "rows", tabindex: 0 }, make("table", null, make("thead", null, head), make("tbody", null, ...rows)));
  }

  function more(title, fill) {
    const details = make("details", { class: "more" }, make("summary", null, title));
    details.addEventListener("toggle", () => details.children.length === 1 && details.append(...fill()));
    return details;
  }

  const drawInput = (record) => make("pre", { dir: "auto", tabindex: 0 }, JSON.stringify(record.inputs, null, 2));

  function drawItem(record, item) {
    const isAlone = items(record).length === 1;
    const isPlain = isAlone && item.target === record.predicted && item.words === undefined;
    const isNamed = methods.size > 1 && item.method !== undefined;
    const heading = make("h3", null, "for ", item.target === undefined ? "the loss" : bdi(item.target));
    if (item.words !== undefined) heading.append(" at ", make("q", null, bdi(item.words)));
    if (item.probability !== undefined) heading.append(" ", make("span", { class: "p" }, percent(item.probability)));
    if (isNamed) heading.append(" · ", make("code", null, item.method));
    const isOnly = item.fields.length === 1;
    return make(
      "section",
      { class: "item" },
      isPlain && !isNamed ? null : heading,
      ...item.fields.map((field) => drawField(record, item, field, isOnly)),
      ...(item.notes || []).map((note) => make("p", { class: "quiet" }, "Note: " + note)),
      more(numbers(item), () => [
        ...item.fields.map((field) => scoreTable(field, isOnly)),
        ...(isAlone && record.inputs !== undefined ? [drawInput(record)] : []),
      ])
    );
  }

  function drawHeader(record) {
    const header = make("header", null, make("a", { class: "line", href: `#L${record.line}`, "aria-label": `Line ${record.line}` }, String(record.line)));
    if (record.error !== undefined) header.append(make("span", { class: "error" }, record.error));
    if (record.probabilities) {
      const [first, ...rest] = record.probabilities.map(([label, p]) => [label, percent(p)]);
      header.append(make("span", null, make("b", null, bdi(first[0])), " ", make("span", { class: "p" }, first[1])));
      const others = rest.map(([label, p]) => make("span", { class: "p" }, bdi(label), " " + p));
      if (record.others) others.push(`and ${count(record.others)} more`);
      if (others.length) {
        header.append(make("span", { class: "alternatives" }, ...others.flatMap((one, i) => (i ? [", ", one] : [one]))));
      }
    }
    if (record.gold !== undefined) {
      const said = isWrong(record) ? make("span", { class: "wrong" }, "✗ should be ", bdi(record.gold)) : make("span", { class: "quiet" }, "✓ as labelled");
      header.append(said);
    }
    if (record.results && !record.results.length) header.append(make("span", { class: "quiet" }, "The model labels nothing in this text."));
    return header;
  }

  function draw(record, position, total) {
    const article = make(
      "article",
      {
        class: "text" + (length(record) > CUT_TOKENS ? " long" : ""),
        id: `L${record.line}`,
        tabindex: -1,
        "aria-posinset": position + 1,
        "aria-setsize": total,
        "aria-label": `Line ${record.line}`,
      },
      drawHeader(record),
      make("div", { class: "items" }, ...items(record).map((item) => drawItem(record, item)))
    );
    if (record.inputs !== undefined && items(record).length !== 1) {
      article.append(more("input", () => [drawInput(record)]));
    }
    return article;
  }

  // The list: only what is near the window is drawn, and the rest has its place kept

  let view = [];
  let chunks = [];

  function guessedHeight(record) {
    const perLine = Math.max(20, Math.min(list.clientWidth - 64, 736) / 8.5);
    let height = 60;
    for (const item of items(record)) {
      height += 60;
      for (const field of item.fields) {
        const characters = Math.min(field.tokens.length, CUT_TOKENS) * 6;
        height += Math.min(34 * Math.ceil(characters / perLine), 272) + 10;
      }
    }
    return height;
  }

  function fill(chunk) {
    if (chunk.isDrawn) return;
    chunk.isDrawn = true;
    chunk.element.append(...view.slice(chunk.start, chunk.end).map((r, i) => draw(r, chunk.start + i, view.length)));
    chunk.element.style.minHeight = "";
  }

  function empty(chunk) {
    if (!chunk.isDrawn || chunk.element.contains(document.activeElement) || chunk.element.querySelector("details[open]")) return;
    chunk.element.style.minHeight = `${chunk.element.offsetHeight}px`;
    chunk.element.replaceChildren();
    chunk.isDrawn = false;
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) (entry.isIntersecting ? fill : empty)(entry.target.chunk);
    },
    { rootMargin: `${NEAR}px 0px` }
  );

  function layOut() {
    observer.disconnect();
    hideTip();
    chunks = [];
    for (let start = 0; start < view.length; start += CHUNK) {
      const chunk = { start, end: Math.min(start + CHUNK, view.length), isDrawn: false, element: make("div", { class: "chunk", role: "presentation" }) };
      const guessed = view.slice(start, chunk.end).reduce((sum, record) => sum + guessedHeight(record), 0);
      chunk.element.style.minHeight = `${guessed}px`;
      chunk.element.chunk = chunk;
      chunks.push(chunk);
    }
    list.replaceChildren(...chunks.map((chunk) => chunk.element));
    if (!view.length) list.append(make("p", { class: "none" }, "No text is like that."));
    // The first are there at once, the others as soon as they come near.
    if (chunks.length) fill(chunks[0]);
    for (const chunk of chunks) observer.observe(chunk.element);
  }

  const KINDS = {
    wrong: ["predicted wrongly", isWrong],
    right: ["predicted rightly", (record) => record.gold !== undefined && !isWrong(record)],
    errors: ["errors", (record) => record.error !== undefined],
    notes: ["with notes", (record) => items(record).some((item) => item.notes)],
    unlabelled: ["nothing labelled", (record) => record.results !== undefined && !record.results.length],
  };
  const ORDERS = {
    least: (a, b) => probability(a) - probability(b),
    most: (a, b) => probability(b) - probability(a),
    delta: (a, b) => delta(b) - delta(a),
    longest: (a, b) => length(b) - length(a),
    shortest: (a, b) => length(a) - length(b),
  };

  function select() {
    const sought = byId("search").value.trim().toLowerCase();
    const label = byId("label").value;
    const kind = KINDS[byId("show").value];
    const order = ORDERS[byId("sort").value];
    view = records.filter(
      (record) =>
        (!kind || kind[1](record)) &&
        (!label || labelsOf(record).includes(label)) &&
        (!sought || words(record).includes(sought))
    );
    if (order) {
      // Errors have nothing to be sorted by.
      const sorted = view.filter((record) => !record.error).sort(order);
      view = sorted.concat(view.filter((record) => record.error));
    }
    const all = records.length;
    byId("found").textContent = view.length === all ? `${count(all)} texts` : `${count(view.length)} of ${count(all)} texts`;
    layOut();
  }

  function showOnly({ search = "", label = "", show = "" }) {
    byId("search").value = search;
    byId("label").value = label;
    byId("show").value = show;
    select();
    tools.scrollIntoView();
  }

  const labelsOf = (record) => (record.predicted === undefined ? items(record).map((item) => item.target) : [record.predicted]);

  function goTo(line) {
    const record = records.find((one) => one.line === line);
    if (!record) return;
    if (!view.includes(record)) showOnly({});
    const position = view.indexOf(record);
    fill(chunks.find((chunk) => chunk.start <= position && position < chunk.end));
    const article = byId(`L${line}`);
    for (const other of document.querySelectorAll(".here")) other.classList.remove("here");
    article.classList.add("here");
    article.scrollIntoView();
    article.focus({ preventScroll: true });
    // What was drawn above may have moved it.
    requestAnimationFrame(() => requestAnimationFrame(() => article.scrollIntoView()));
  }

  // A token's numbers, on hover and on focus

  function showTip(token) {
    const { field, item, i } = token.of;
    const score = field.scores[i];
    const total = field.scores.reduce((sum, one) => sum + Math.abs(one), 0);
    const value = score === null ? "not a number" : signed(score);
    const side = !score ? "" : ` ${score > 0 ? "for" : "against"} `;
    const target = !score ? null : item.target === undefined ? "the loss" : bdi(item.target);
    const lines = [make("b", null, value), side, target];
    if (field.errors && field.errors[i] !== null) lines.push(make("br"), `± ${number(field.errors[i])} standard error`);
    lines.push(make("br"), `${percent(total ? Math.abs(score) / total : 0)} of this text`);
    tip.replaceChildren(...lines.filter((line) => line !== null));
    tip.hidden = false;
    const box = token.getClientRects()[0];
    const { offsetWidth: width, offsetHeight: height } = tip;
    const left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 8), innerWidth - width - 8);
    const above = box.top - height - 8;
    tip.style.left = `${Math.max(left, 8)}px`;
    tip.style.top = `${above > 8 ? above : Math.min(box.bottom + 8, innerHeight - height - 8)}px`;
    token.setAttribute("aria-describedby", "tip");
  }
  function hideTip() {
    tip.hidden = true;
    for (const token of document.querySelectorAll("[aria-describedby=tip]")) token.removeAttribute("aria-describedby");
  }
  const tokenOf = (event) => (event.target.of ? event.target : null);
  list.addEventListener("pointerover", (event) => tokenOf(event) && showTip(event.target));
  list.addEventListener("pointerout", (event) => tokenOf(event) && hideTip());
  list.addEventListener("focusin", (event) => tokenOf(event) && showTip(event.target));
  list.addEventListener("focusout", (event) => tokenOf(event) && hideTip());
  addEventListener(
    "scroll",
    () => {
      if (tip.hidden) return;
      if (document.activeElement.of) showTip(document.activeElement);
      else hideTip();
    },
    { passive: true }
  );

  // One stop of the tab key for each text; inside it the arrows go on.
  list.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hideTip();
    const token = tokenOf(event);
    if (!token) return;
    const isRightToLeft = getComputedStyle(token.parentElement).direction === "rtl";
    const next = token.nextElementSibling;
    const previous = token.previousElementSibling;
    const [left, right] = isRightToLeft ? [next, previous] : [previous, next];
    const found = {
      ArrowLeft: left,
      ArrowRight: right,
      Home: token.parentElement.firstElementChild,
      End: token.parentElement.lastElementChild,
    };
    if (!(event.key in found)) return;
    event.preventDefault();
    const goal = found[event.key];
    if (!goal) return;
    token.tabIndex = -1;
    goal.tabIndex = 0;
    goal.focus();
  });

  // The tools

  function options(id, pairs) {
    byId(id).append(...pairs.map(([value, text]) => make("option", { value }, text)));
  }

  function prepare() {
    const labels = new Map();
    for (const record of records) {
      for (const item of items(record)) methods.add(item.method);
      for (const label of new Set(labelsOf(record))) if (label !== undefined) labels.set(label, (labels.get(label) || 0) + 1);
    }
    const sorted = [...labels].sort((a, b) => b[1] - a[1]);
    options("label", sorted.map(([label, n]) => [label, `${label} (${count(n)})`]));
    byId("label").parentElement.hidden = sorted.length < 2;
    const kinds = Object.entries(KINDS).map(([name, [text, fits]]) => [name, text, records.filter(fits).length]);
    const useful = kinds.filter(([, , n]) => n && n < records.length);
    options("show", useful.map(([name, text, n]) => [name, `${text} (${count(n)})`]));
    byId("show").parentElement.hidden = !useful.length;
    tools.hidden = records.length < 2;
  }

  let pending = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(pending);
    pending = setTimeout(select, 120);
  });
  for (const id of ["label", "show", "sort"]) byId(id).addEventListener("change", select);
  byId("scale").addEventListener("change", () => {
    scales = null;
    if (byId("scale").value === "all") {
      scales = new Map();
      for (const method of methods) {
        const same = records.flatMap((record) => items(record).filter((item) => item.method === method));
        scales.set(method, largest(same.flatMap((item) => item.fields)));
      }
    }
    layOut();
  });
  tools.addEventListener("submit", (event) => event.preventDefault());

  document.addEventListener("click", (event) => {
    const found = event.target.closest("[data-search], [data-label], [data-show], a[href^='#L']");
    if (!found) return;
    if (found.dataset.search !== undefined) showOnly({ search: found.dataset.search });
    if (found.dataset.label !== undefined) showOnly({ label: found.dataset.label });
    if (found.dataset.show !== undefined) showOnly({ show: found.dataset.show });
    if (found.hash) {
      event.preventDefault();
      history.replaceState(null, "", found.hash);
      goTo(Number(found.hash.slice(2)));
    }
  });
  const followHash = () => /^#L\d+$/.test(location.hash) && goTo(Number(location.hash.slice(2)));
  addEventListener("hashchange", followHash);

  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    for (const chunk of chunks) {
      if (chunk.isDrawn) continue;
      const guessed = view.slice(chunk.start, chunk.end).reduce((sum, record) => sum + guessedHeight(record), 0);
      chunk.element.style.minHeight = `${guessed}px`;
    }
  });

  // On paper there is no window: what is printed is drawn, whole.
  addEventListener("beforeprint", () => {
    observer.disconnect();
    for (const chunk of chunks) {
      if (chunk.start < PRINTED) fill(chunk);
      else chunk.element.classList.add("unprinted");
    }
    for (const paragraph of document.querySelectorAll(".cut")) paragraph.drawAll();
    if (view.length > PRINTED) {
      const said = `The first ${count(PRINTED)} of ${count(view.length)} texts. A search or a filter prints others.`;
      list.append(make("p", { class: "none only-printed" }, said));
    }
  });
  addEventListener("afterprint", () => {
    for (const added of document.querySelectorAll(".only-printed")) added.remove();
    for (const chunk of chunks) {
      chunk.element.classList.remove("unprinted");
      observer.observe(chunk.element);
    }
  });

  // Light and dark; what was chosen is kept where the browser allows it

  const THEMES = ["auto", "light", "dark"];
  const remembered = (() => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  })();
  let theme = THEMES.includes(remembered) ? remembered : "auto";
  function paint() {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId("theme").textContent = `Theme: ${theme}`;
  }
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Then it holds for this visit.
    }
    paint();
  });
  byId("theme").hidden = false;

  paint();
  prepare();
  select();
  followHash();
})();
