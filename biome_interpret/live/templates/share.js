// Share: the link, the code, the report and the picture

async function copyText(what, text) {
  try {
    await navigator.clipboard.writeText(text);
    showProgress(`Copied: ${what}.`);
  } catch {
    byId("copied-title").textContent = what;
    byId("copied-text").value = text;
    byId("copied").showModal();
    byId("copied-text").select();
  }
}

async function download(route, body, name) {
  const file = URL.createObjectURL(await (await send(route, body)).blob());
  make("a", { href: file, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
  showProgress(`Downloaded: ${name}.`);
}

// A button whose error is shown where the others are.
function shareButton(text, said, act) {
  const button = make("button", { type: "button", "aria-label": said }, text);
  button.addEventListener("click", async () => {
    showError(null);
    try {
      await act();
    } catch (error) {
      showError(error);
    }
  });
  return button;
}

// The report has the texts as they were, with the gold label of the example, and after the edits.
function reportBody() {
  const asked = models.flatMap(({ before, after }) => [before, after]);
  return { requests: asked.filter((one) => one?.answer).map(({ body }) => body) };
}

function drawShare() {
  byId("share").replaceChildren(
    shareButton("Copy link", "Copy link to this page, with its text and choices", () => {
      saveState();
      return copyText("the link, with the text in it", location.href);
    }),
    shareButton("Download report", "Download report: a page that needs no server", () =>
      download("report", reportBody(), "interpretations.html")
    )
  );
}

// What a copy is of: the edited text, if the card shows it.
function shownBody({ item, after }) {
  const { body, i } = (after ?? item).asked;
  return { ...body, explanations: [body.explanations[i]] };
}

function drawCopies(card) {
  const copy = (text, key) =>
    shareButton(text, `Copy this explanation as ${text}`, async () =>
      copyText(text, (await ask("snippets", shownBody(card)))[key])
    );
  const buttons = [copy("Python", "python"), copy("Jsonnet", "jsonnet"), copy("command", "command")];
  if (setup.figure) {
    const act = () => {
      const { thing } = (card.after ?? card.item).asked;
      return download("figure", { ...shownBody(card), thing }, "interpretation.svg");
    };
    buttons.push(shareButton("picture", "Download this explanation as a picture (SVG)", act));
  }
  card.copied = span("quiet", "Copy as ");
  return make("p", { class: "copies" }, card.copied, ...buttons);
}
