// The dashboard: follows the streams, keeps the newest state of each kind, and draws at its own pace. However fast events
// come, an event only replaces a state, and everything that is kept has a limit.

import { ask, follow, useKey } from "./api.js";
import { Chart, bars, colour, marker } from "./charts.js";
import { byId, fixed, make, setText, short, signalKinds, typeClass } from "./format.js";
import { History } from "./history.js";
import { clearMarket, priceText, showBook, showDetectors, showFeatures, showFeed } from "./market.js";
import { Signals, explain, showAlerts, showSignals } from "./signals.js";

const query = new URLSearchParams(location.search);
/** Events of a kind a second that are asked for. */
const rate = Math.min(100, Math.max(0.1, Number(query.get("rate")) || 10));
const textMilliseconds = 100;
const chartMilliseconds = 250;
const pollMilliseconds = 4_000;
/** The shortest of these that holds all signals is shown. */
const timelines = [300, 900, 1_800];
/** Markets whose past is kept when another is looked at. */
const historyLimit = 8;

const signals = new Signals();
const histories = new Map();
/** The newest state of each kind that is not drawn yet. */
let news = {};
let symbol = null;
let symbols = [];
let isSignalListOld = true;
let view = null;
let events = 0;

// Colours and marks.

let typeColours = {};
const readTypeColours = () => {
  typeColours = { drift: colour("drift"), burst: colour("burst"), regime_change: colour("regime"), posted: colour("posted") };
};
const colourOf = (type) => typeColours[signalKinds.includes(type) ? type : "posted"];
const marks = () => signals.of(symbol).map((signal) => ({ time: signal.timestamp, colour: colourOf(signal.signal_type) }));

function nearest(milliseconds, seconds) {
  const time = milliseconds / 1000;
  const [first] = signals.of(symbol).toSorted((a, b) => Math.abs(a.timestamp - time) - Math.abs(b.timestamp - time));
  if (first && Math.abs(first.timestamp - time) < seconds * 0.02) explain(first.id);
}

const common = { underlayCallback: marker(marks), onTheme: readTypeColours, clickCallback: (_, x) => nearest(x, histories.get(symbol)?.seconds ?? 0) };
const charts = {
  price: new Chart(byId("price-chart"), { ...common, labels: ["microprice", "mid"], colours: ["micro", "mid"], format: priceText, readout: byId("price-readout") }),
  imbalance: new Chart(byId("imbalance-chart"), { ...common, labels: ["5 levels", "10 levels"], colours: ["micro", "mid"], format: (value) => fixed(value, 2), readout: byId("imbalance-readout"), valueRange: [-1.05, 1.05], strokeWidth: 1.2 }),
  flow: new Chart(byId("flow-chart"), { ...common, labels: ["bought", "sold"], colours: ["bid", "ask"], format: short, readout: byId("flow-readout"), plotter: bars, includeZero: true }),
};
let timelineSeconds = timelines[0];
const timeline = new Chart(byId("signal-chart"), {
  labels: [...signalKinds, "posted"], colours: ["drift", "burst", "regime", "posted"], format: (value) => fixed(value, 2),
  valueRange: [0, 1.05], strokeWidth: 0, drawPoints: true, pointSize: 4.5, highlightCircleSize: 6.5,
  clickCallback: (_, x) => nearest(x, timelineSeconds),
});
byId("types-legend").replaceChildren(...[...signalKinds, "posted"].flatMap((type) => [make("i", typeClass(type)), type]));

// Drawing.

function drawText() {
  const { book, features, detectors, feed } = news;
  news = {};
  if (book) showBook(book);
  if (features) showFeatures(features);
  if (detectors) showDetectors(detectors);
  if (feed) showFeed(feed);
  if (isSignalListOld) {
    isSignalListOld = false;
    showSignals(signals.of(byId("all-symbols").checked ? null : symbol));
  }
}

function drawCharts() {
  const history = histories.get(symbol);
  const now = history?.lastTime || Date.now() / 1000;
  for (const name of ["price", "imbalance", "flow"]) charts[name].draw(history?.[name] ?? [], now, history?.seconds ?? 0);
}

function drawTimeline() {
  const now = Math.max(histories.get(symbol)?.lastTime ?? 0, Date.now() / 1000);
  const rows = signals.of(byId("all-symbols").checked ? null : symbol).toReversed().map((signal) => {
    const kind = signalKinds.includes(signal.signal_type) ? signal.signal_type : "posted";
    return [new Date(signal.timestamp * 1000), ...[...signalKinds, "posted"].map((name) => (name === kind ? signal.score : null))];
  });
  timelineSeconds = timelines.find((seconds) => rows.length === 0 || rows[0][0] / 1000 > now - seconds) ?? timelines.at(-1);
  timeline.draw(rows, now + timelineSeconds * 0.015, timelineSeconds);
}

let nextText = 0;
let nextChart = 0;
let nextTimeline = 0;

function frame(moment) {
  requestAnimationFrame(frame);
  if (moment >= nextText) {
    nextText = moment + textMilliseconds;
    drawText();
  }
  if (moment >= nextChart) {
    nextChart = moment + chartMilliseconds;
    drawCharts();
  }
  if (moment >= nextTimeline) {
    nextTimeline = moment + 1_000;
    drawTimeline();
  }
}

// Streams.

function connection(state, detail = "", status = 0) {
  const pill = byId("connection");
  pill.dataset.state = state;
  setText(pill, { live: "live", wait: "connecting", lost: "no connection" }[state]);
  pill.title = detail;
  if (status === 401) byId("key-form").hidden = false;
  const notice = byId("notice");
  notice.hidden = state !== "lost" || status === 401;
  setText(notice, detail ? `${detail.charAt(0).toUpperCase()}${detail.slice(1)}. Trying again.` : "");
}

function onMarketEvent(name, data) {
  events += 1;
  const history = histories.get(symbol);
  if (name === "trades") history.addTrades(data.trades);
  else news[name] = data;
  if (name === "features") history.addFeatures(data);
}

function look(at) {
  if (at === symbol) return;
  view?.abort();
  view = new AbortController();
  symbol = at;
  news = {};
  isSignalListOld = true;
  nextTimeline = 0;
  clearMarket();
  if (!histories.has(at)) histories.set(at, new History());
  for (const old of [...histories.keys()].slice(0, -historyLimit)) if (old !== at) histories.delete(old);
  const address = new URL(location);
  address.searchParams.set("symbol", at);
  history.replaceState(null, "", address);
  showSymbols();
  const signal = view.signal;
  follow(`/api/v1/live/${encodeURIComponent(at)}?rate=${rate}`, signal, (name, data) => { if (!signal.aborted) onMarketEvent(name, data); }, connection);
}

// The symbols, the signals, the alerts.

function showSymbols() {
  const bar = byId("symbols");
  const names = symbols.map((entry) => entry.symbol);
  if ([...bar.children].map((button) => button.dataset.symbol).join() !== names.join()) {
    bar.replaceChildren(...names.map((name) => {
      const button = make("button");
      button.type = "button";
      button.dataset.symbol = name;
      button.append(make("i"), name);
      button.addEventListener("click", () => look(name));
      return button;
    }));
  }
  symbols.forEach((entry, index) => {
    bar.children[index].dataset.state = entry.validity;
    bar.children[index].title = entry.validity;
    bar.children[index].setAttribute("aria-current", String(entry.symbol === symbol));
  });
}

async function pollSymbols() {
  symbols = (await ask("/api/v1/symbols")).symbols.filter((entry, index, all) => all.findIndex((other) => other.symbol === entry.symbol) === index);
  showSymbols();
  const wanted = query.get("symbol")?.toUpperCase();
  const first = symbols.find((entry) => entry.symbol === wanted) ?? symbols[0];
  if (symbol === null && first) look(first.symbol);
}

async function pollAlerts() {
  try {
    showAlerts((await ask("/api/v1/alerts?limit=50")).alerts);
    setText(byId("alerts-hint"), "");
  } catch (error) {
    setText(byId("alerts-hint"), error.message);
  }
}

async function loadSignals() {
  for (const signal of (await ask("/api/v1/signals?limit=200")).signals) signals.add(signal);
  isSignalListOld = true;
}

let isPolling = false;
async function poll() {
  if (isPolling || document.hidden) return;
  isPolling = true;
  try {
    await pollSymbols();
    await pollAlerts();
    if (symbol === null) connection("wait", "no market has been heard yet");
  } catch (error) {
    connection("lost", error.message, error.status);
  } finally {
    isPolling = false;
  }
}

function start() {
  loadSignals().catch(() => {}); // Whatever is wrong, the poll says it.
  poll();
  if (query.has("signal")) explain(query.get("signal"));
}

follow("/api/v1/signals/stream", new AbortController().signal, (name, data) => {
  events += 1;
  if (name === "gap") loadSignals().catch(() => {});
  else if (data && signals.add(data)) isSignalListOld = true;
}, () => {});

// What the person does.

function open(event) {
  const row = event.target.closest("tr[data-id]");
  if (row && (event.type === "click" || event.key === "Enter")) explain(row.dataset.id);
}
for (const list of ["signals", "alerts"]) {
  byId(list).addEventListener("click", open);
  byId(list).addEventListener("keydown", open);
}
byId("close").addEventListener("click", () => byId("explanation").close());
byId("explanation").addEventListener("click", (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); });
byId("all-symbols").addEventListener("change", () => { isSignalListOld = true; nextTimeline = 0; });

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  start();
});

function repaint() {
  setText(byId("theme"), document.documentElement.dataset.theme);
  for (const chart of [...Object.values(charts), timeline]) chart.repaint();
}
byId("theme").addEventListener("click", () => {
  const order = ["auto", "light", "dark"];
  const next = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % order.length];
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* not remembered */ }
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

setInterval(() => {
  byId("connection").dataset.rate = events;
  if (byId("connection").dataset.state === "live") setText(byId("connection"), `live · ${events}/s`);
  events = 0;
}, 1_000);
setInterval(poll, pollMilliseconds);
repaint();
start();
requestAnimationFrame(frame);
