// Elements and numbers

const byId = (id) => document.getElementById(id);

// Makes an element. All text of the data enters the page here, as text and never as markup.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const bdi = (text) => make("bdi", null, text);
const span = (cls, ...children) => make("span", { class: cls }, ...children);

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
