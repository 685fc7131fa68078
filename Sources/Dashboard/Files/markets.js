// The page of all markets: asks for the overview once a second, keeps the order asked for, and draws the rows in sight.

import { ask } from "./api.js";
import { byId, decimals, fixed, make, milliseconds, setText, short, signed, typeClass } from "./format.js";
import { onKey, showConnection } from "./page.js";
import { Table } from "./table.js";

const pollMilliseconds = 1_000;
const validities = ["STALE", "RESYNCING", "VALID"];
const arrows = { up: " ↑", down: " ↓" };

function price(entry) {
  const step = entry.tick_size?.replace(/\.?0+$/, "");
  // The mid lies between two prices.
  return step === undefined ? short(entry.mid) : fixed(entry.mid, decimals(step) + 1);
}

function age(seconds) {
  if (!(seconds >= 0)) return "now";
  const [size, unit] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

function showSignal(cell, { last_signal: signal }) {
  setText(cell, signal ? `${signal.signal_type}${arrows[signal.direction] ?? ""} ${fixed(signal.score, 2)} · ${age(Date.now() / 1000 - signal.timestamp)}` : "–");
  cell.className = signal ? `cell type ${typeClass(signal.signal_type)}` : "cell";
}

function showValidity(cell, entry) {
  const pill = cell.firstChild ?? cell.appendChild(make("span", "pill"));
  setText(pill, entry.validity);
  pill.dataset.state = entry.validity;
}

function showLink(cell, entry) {
  const link = cell.firstChild ?? cell.appendChild(make("a"));
  if (cell.firstChild.nextSibling === null) cell.append(make("small"));
  setText(link, entry.symbol);
  setText(link.nextSibling, entry.venue);
  const address = `../?${new URLSearchParams({ symbol: entry.symbol, venue: entry.venue })}`;
  if (link.getAttribute("href") !== address) link.href = address;
}

const shade = (cell, value) => {
  cell.classList.toggle("up", value > 0);
  cell.classList.toggle("down", value < 0);
};

// What a column is called, what it sorts by, and how it writes an entry into its cell.
const columns = [
  { name: "symbol", title: "Market", key: (entry) => `${entry.symbol} ${entry.venue}`, show: showLink },
  { name: "validity", title: "Validity", key: (entry) => validities.indexOf(entry.validity), show: showValidity },
  { name: "mid", title: "Price", isNumber: true, key: (entry) => entry.mid, show: (cell, entry) => setText(cell, price(entry)) },
  { name: "spread_bps", title: "Spread, bps", isNumber: true, key: (entry) => entry.spread_bps, show: (cell, entry) => setText(cell, fixed(entry.spread_bps, 2)) },
  {
    name: "imbalance_10", title: "Imbalance", isNumber: true, key: (entry) => entry.imbalance_10,
    show: (cell, entry) => { setText(cell, signed(entry.imbalance_10, 2)); shade(cell, entry.imbalance_10); },
  },
  {
    name: "score", title: "Score", isNumber: true, key: (entry) => entry.score,
    show: (cell, entry) => {
      setText(cell, fixed(entry.score, 3));
      cell.classList.toggle("over", entry.score > (entry.dynamic_threshold ?? Infinity));
    },
  },
  { name: "last_signal", title: "Last signal", isWide: true, key: (entry) => entry.last_signal?.timestamp, show: showSignal },
  { name: "p95_latency_ms", title: "Latency p95", isNumber: true, key: (entry) => entry.p95_latency_ms, show: (cell, entry) => setText(cell, milliseconds(entry.p95_latency_ms)) },
];

const query = new URLSearchParams(location.search);
const table = new Table({ head: byId("columns"), viewport: byId("viewport"), rows: byId("rows"), columns, onSort: remember });
table.sortBy(query.get("sort") ?? "symbol", query.get("order") === "descending");
byId("filter").value = query.get("filter") ?? "";
byId("state").value = validities.includes(query.get("state")) ? query.get("state") : "";

let markets = [];

/** Keeps the choices in the address, so that a way back or a bookmark finds them. */
function remember() {
  const kept = { sort: table.sort.name, order: table.sort.isDescending ? "descending" : "ascending", filter: byId("filter").value, state: byId("state").value };
  history.replaceState(null, "", `?${new URLSearchParams(Object.entries(kept).filter(([, value]) => value))}`);
}

function show() {
  const [text, state] = [byId("filter").value.trim().toUpperCase().replace(/[/_-]/g, ""), byId("state").value];
  const shown = markets.filter((entry) => (!state || entry.validity === state) && `${entry.symbol} ${entry.venue}`.toUpperCase().includes(text));
  table.show(shown);
  byId("no-markets").hidden = shown.length > 0;
  const counts = validities.map((name) => [markets.filter((entry) => entry.validity === name).length, name]).filter(([count]) => count > 0);
  const told = counts.map(([count, name]) => `${count} ${name}`).join(", ");
  setText(byId("summary"), `${shown.length < markets.length ? `${shown.length} of ` : ""}${markets.length} markets: ${told || "none heard yet"}`);
}

for (const name of ["filter", "state"]) byId(name).addEventListener("input", () => { show(); remember(); });
byId("filters").addEventListener("submit", (event) => { event.preventDefault(); table.focus(); });
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select")) return;
  event.preventDefault();
  byId("filter").focus();
});

let isPolling = false;
async function poll() {
  if (isPolling || document.hidden) return;
  isPolling = true;
  try {
    ({ markets } = await ask("api/v1/overview"));
    showConnection("live");
    show();
  } catch (error) {
    showConnection("lost", error.message, error.status);
  } finally {
    isPolling = false;
  }
}

onKey(poll);
setInterval(poll, pollMilliseconds);
document.addEventListener("visibilitychange", poll);
poll();
