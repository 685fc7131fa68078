// The colours chosen, before the first paint: "auto" follows the system.
"use strict";
(() => {
  let choice = null;
  try { choice = localStorage.getItem("theme"); } catch { /* no storage: as the system */ }
  document.documentElement.dataset.theme = ["light", "dark"].includes(choice) ? choice : "auto";
})();
