// Links to lines, and the buttons of the summary

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
  // Chunks above it may have been drawn meanwhile, and have moved it.
  requestAnimationFrame(() => requestAnimationFrame(() => article.scrollIntoView()));
}

document.addEventListener("click", (event) => {
  const found = event.target.closest("[data-word], [data-label], [data-show], a[href^='#L']");
  if (!found) return;
  if (found.hash) {
    event.preventDefault();
    history.replaceState(null, "", found.hash);
    goTo(Number(found.hash.slice(2)));
  } else {
    showOnly(found.dataset);
  }
});
const followHash = () => /^#L\d+$/.test(location.hash) && goTo(Number(location.hash.slice(2)));
addEventListener("hashchange", followHash);
