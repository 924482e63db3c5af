// The theme: light, dark or the system's, kept between visits. Runs in the head, before anything is
// drawn. Scripts that draw listen for "themechange" on document.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "";
  try {
    chosen = localStorage.getItem("theme") || "";
  } catch {
    // Storage can be switched off; the choice then lasts as long as the page.
  }

  function apply() {
    const printing = root.classList.contains("printing");
    root.dataset.theme = printing ? "light" : chosen || (system.matches ? "dark" : "light");
    document.dispatchEvent(new Event("themechange"));
  }

  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  // On paper all is light and in one column, which charts are drawn for.
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      root.classList.toggle("printing", printing);
      apply();
    });
  }
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = chosen;
    select.addEventListener("change", () => {
      chosen = select.value;
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
      apply();
    });
  });
})();
