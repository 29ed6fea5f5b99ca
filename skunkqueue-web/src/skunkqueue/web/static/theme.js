// Sets the chosen theme before the page is painted, and lets the reader choose: the system's, light or dark.
(() => {
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;
  root.dataset.scripts = "on"; // What needs scripts (class "scripted") is shown from now on.

  function chosen() {
    try {
      const found = localStorage.getItem("theme");
      return ORDER.includes(found) ? found : "system";
    } catch {
      return "system"; // No storage: the choice lasts for this page.
    }
  }

  function show(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-button]")) {
      const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
      const text = `Theme: ${theme}. Change to ${next}.`;
      button.dataset.shown = theme;
      button.setAttribute("aria-label", text);
      button.title = text;
    }
  }

  function choose(theme) {
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // As above.
    }
    show(theme);
  }

  show(chosen());
  document.addEventListener("DOMContentLoaded", () => show(chosen()));
  // Another window's choice holds here, too.
  addEventListener("storage", (event) => event.key === "theme" && show(chosen()));
  addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-button]");
    if (button) choose(ORDER[(ORDER.indexOf(button.dataset.shown) + 1) % ORDER.length]);
  });
})();
