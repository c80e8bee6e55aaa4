// The score of a token, on hover and on focus

const tip = byId("tip");

function tipContent({ field, item, i }) {
  const score = field.scores[i];
  const total = totalScore(field);
  const parts = [make("b", null, score === null ? "not a number" : signed(score))];
  if (score) {
    const target = item.target === undefined ? "the loss" : bdi(item.target);
    parts.push(score > 0 ? " for " : " against ", target);
  }
  if (field.errors && field.errors[i] !== null) {
    parts.push(make("br"), `± ${number(field.errors[i])} standard error`);
  }
  parts.push(make("br"), `${percent(total ? Math.abs(score) / total : 0)} of this text`);
  return parts;
}

function showTip(token) {
  tip.replaceChildren(...(token.place.tip ?? tipContent)(token.place));
  tip.hidden = false;
  const box = token.getClientRects()[0];
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = Math.min(box.left + box.width / 2 - width / 2, innerWidth - width - 8);
  const above = box.top - height - 8;
  tip.style.left = `${Math.max(left, 8)}px`;
  tip.style.top = `${above > 8 ? above : Math.min(box.bottom + 8, innerHeight - height - 8)}px`;
  token.setAttribute("aria-describedby", "tip");
}
function hideTip() {
  tip.hidden = true;
  for (const token of document.querySelectorAll("[aria-describedby=tip]")) {
    token.removeAttribute("aria-describedby");
  }
}

// Shows the scores of all tokens inside an element. The tab key stops once in each text. The arrow
// keys move between its tokens.
function followTokens(element) {
  for (const name of ["pointerover", "focusin"]) {
    element.addEventListener(name, (event) => event.target.place && showTip(event.target));
  }
  for (const name of ["pointerout", "focusout"]) {
    element.addEventListener(name, (event) => event.target.place && hideTip());
  }
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
    else if (event.target.place) moveTo(event, event.target);
  });
}
function moveTo(event, token) {
  const isRightToLeft = getComputedStyle(token.parentElement).direction === "rtl";
  const { nextElementSibling: next, previousElementSibling: previous } = token;
  const goals = {
    ArrowLeft: isRightToLeft ? next : previous,
    ArrowRight: isRightToLeft ? previous : next,
    Home: token.parentElement.firstElementChild,
    End: token.parentElement.lastElementChild,
  };
  if (!(event.key in goals)) return;
  event.preventDefault();
  const goal = goals[event.key];
  if (!goal) return;
  token.tabIndex = -1;
  goal.tabIndex = 0;
  goal.focus();
}

addEventListener(
  "scroll",
  () => {
    if (tip.hidden) return;
    if (document.activeElement.place) showTip(document.activeElement);
    else hideTip();
  },
  { passive: true }
);
