// The colours chosen, before the first paint: "auto" follows the system. The button of each page takes the next choice and
// tells the page by the event "theme".
"use strict";
(() => {
  const order = ["auto", "light", "dark"];
  const page = document.documentElement;
  let choice = null;
  try { choice = localStorage.getItem("theme"); } catch { /* no storage: as the system */ }
  page.dataset.theme = order.includes(choice) ? choice : "auto";

  const tell = () => dispatchEvent(new Event("theme"));
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.textContent = page.dataset.theme;
    button.addEventListener("click", () => {
      const next = order[(order.indexOf(page.dataset.theme) + 1) % order.length];
      button.textContent = page.dataset.theme = next;
      try { localStorage.setItem("theme", next); } catch { /* not remembered */ }
      tell();
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
})();
