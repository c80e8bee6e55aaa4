// Light and dark theme. The choice is kept if the browser allows it.

const THEMES = ["auto", "light", "dark"];
function savedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}
let theme = THEMES.includes(savedTheme()) ? savedTheme() : "auto";

function showTheme() {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
}
byId("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // The choice lasts until the page is closed.
  }
  showTheme();
});
byId("theme").hidden = false;
