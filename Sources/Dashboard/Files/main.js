// The dashboard: follows the streams, keeps the newest state of each kind, and draws at its own pace. However fast events
// come, an event only replaces a state, and everything that is kept has a limit.

import { ask, follow } from "./api.js";
import { Chart, bars, colour, marker } from "./charts.js";
import { byId, fixed, make, setText, short, signalKinds, typeClass } from "./format.js";
import { History } from "./history.js";
import { clearMarket, priceStep, priceText, showBook, showDetectors, showFeatures, showFeed } from "./market.js";
import { onKey, showConnection } from "./page.js";
import { Signals, explain, showAlerts, showSignals } from "./signals.js";

const query = new URLSearchParams(location.search);
/** Events of a kind a second that are asked for. */
const rate = Math.min(100, Math.max(0.1, Number(query.get("rate")) || 10));
const textMilliseconds = 100;
const chartMilliseconds = 250;
const pollMilliseconds = 4_000;
/** The shortest of these that holds all signals is shown. */
const timelines = [300, 900, 1_800];
/** Markets that the bar at the top names; the page of all markets has the rest. */
const barLimit = 12;

/** The newest signals of all markets, and those of the market that is looked at. */
const allSignals = new Signals();
let signals = new Signals();
let past = new History();
/** The newest state of each kind that is not drawn yet. */
let news = {};
/** The market that is looked at, and all that there are. */
let market = null;
let markets = [];
let isSignalListOld = true;
let view = null;
let events = 0;

// Colours and marks.

let typeColours = {};
const readTypeColours = () => {
  typeColours = { drift: colour("drift"), burst: colour("burst"), regime_change: colour("regime"), posted: colour("posted") };
};
const colourOf = (type) => typeColours[signalKinds.includes(type) ? type : "posted"];
const marks = () => signals.list.map((signal) => ({ time: signal.timestamp, colour: colourOf(signal.signal_type) }));

function nearest(milliseconds, seconds) {
  const time = milliseconds / 1000;
  const [first] = signals.list.toSorted((a, b) => Math.abs(a.timestamp - time) - Math.abs(b.timestamp - time));
  if (first && Math.abs(first.timestamp - time) < seconds * 0.02) explain(first.id);
}

const common = { underlayCallback: marker(marks), onTheme: readTypeColours, clickCallback: (_, x) => nearest(x, past.seconds) };
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
    showSignals(listed().list, nameOf);
  }
}

/** The signals that the list and the timeline show. */
const listed = () => (byId("all-symbols").checked ? allSignals : signals);

function drawCharts() {
  const now = past.lastTime || Date.now() / 1000;
  charts.price.draw(past.price, now, past.seconds, past.priceRange, priceStep());
  charts.imbalance.draw(past.imbalance, now, past.seconds);
  charts.flow.draw(past.flow, now, past.seconds);
}

function drawTimeline() {
  const now = Math.max(past.lastTime, Date.now() / 1000);
  const rows = listed().list.toReversed().map((signal) => {
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

function onMarketEvent(name, data) {
  events += 1;
  past.add(name, data);
  if (name !== "trades") news[name] = data;
}

const isSame = (one, other) => one?.symbol === other?.symbol && one?.venue === other?.venue;
/** What programs post is for every venue of its symbol. */
const isPosted = (signal) => !signal.venue || signal.venue === "api";
const isOf = (signal, wanted) => signal.symbol === wanted.symbol && (isPosted(signal) || signal.venue === wanted.venue);
/** What a market or a signal is called: with its venue where several have the symbol. */
const nameOf = ({ symbol, venue }) => (venue && markets.filter((entry) => entry.symbol === symbol).length > 1 ? `${symbol} ${venue}` : symbol);
const at = ({ symbol, venue }) => [encodeURIComponent(symbol), encodeURIComponent(venue)];

function look(wanted) {
  if (isSame(wanted, market)) return;
  view?.abort();
  view = new AbortController();
  market = wanted;
  news = {};
  past = new History();
  signals = new Signals();
  isSignalListOld = true;
  nextTimeline = 0;
  clearMarket();
  const address = new URL(location);
  address.searchParams.set("symbol", market.symbol);
  address.searchParams.set("venue", market.venue);
  history.replaceState(null, "", address);
  showMarkets();
  loadMarketSignals().catch(() => {}); // Whatever is wrong, the poll says it.
  const { signal } = view;
  const [symbol, venue] = at(market);
  follow(`api/v1/live/${symbol}?venue=${venue}&rate=${rate}`, signal, (name, data) => { if (!signal.aborted) onMarketEvent(name, data); }, (state, detail, status) => {
    showConnection(state, detail, status);
    if (state === "live") loadPast(signal);
  });
}

/** Fills the charts up to the stream that has just opened: at the start, and what a break has left out. */
async function loadPast(signal) {
  const target = past;
  const [symbol, venue] = at(market);
  const held = target.hold();
  try {
    target.load(await ask(`api/v1/history/${symbol}?venue=${venue}`), held);
  } catch {
    target.goAlone(held); // Without its past, the chart begins now.
  }
  if (!signal.aborted) nextChart = 0;
}

// The markets, the signals, the alerts.

/** Some markets by name: the one that is looked at is among them. */
function namedMarkets() {
  const named = markets.slice(0, barLimit);
  const current = markets.find((entry) => isSame(entry, market));
  if (current && !named.includes(current)) named[named.length - 1] = current;
  return named;
}

function showMarkets() {
  const bar = byId("symbols");
  const named = namedMarkets();
  const names = named.map(nameOf);
  if ([...bar.children].map((button) => button.textContent).join() !== names.join()) {
    bar.replaceChildren(...named.map((entry, index) => {
      const button = make("button");
      button.type = "button";
      button.dataset.symbol = entry.symbol;
      button.dataset.venue = entry.venue;
      button.append(make("i"), names[index]);
      button.addEventListener("click", () => look(entry));
      return button;
    }));
  }
  named.forEach((entry, index) => {
    bar.children[index].dataset.state = entry.validity;
    bar.children[index].title = entry.validity;
    bar.children[index].setAttribute("aria-current", String(isSame(entry, market)));
  });
  setText(byId("all-markets"), markets.length > named.length ? `all ${markets.length} markets` : "all markets");
}

async function pollMarkets() {
  markets = (await ask("api/v1/symbols")).symbols;
  showMarkets();
  if (market !== null) return;
  const [symbol, venue] = [query.get("symbol")?.toUpperCase(), query.get("venue")];
  const wanted = markets.filter((entry) => entry.symbol === symbol);
  const first = wanted.find((entry) => entry.venue === venue) ?? wanted[0] ?? markets[0];
  if (first) look(first);
}

async function pollAlerts() {
  try {
    showAlerts((await ask("api/v1/alerts?limit=50")).alerts, nameOf);
    setText(byId("alerts-hint"), "");
  } catch (error) {
    setText(byId("alerts-hint"), error.message);
  }
}

async function loadSignals() {
  for (const signal of (await ask("api/v1/signals?limit=200")).signals) allSignals.add(signal);
  isSignalListOld = true;
  if (market) await loadMarketSignals();
}

async function loadMarketSignals() {
  const target = signals;
  const wanted = market;
  const [symbol, venue] = at(wanted);
  for (const place of [venue, "api"]) {
    for (const signal of (await ask(`api/v1/signals?symbol=${symbol}&venue=${place}&limit=200`)).signals) target.add(signal);
  }
  isSignalListOld = true;
}

let isPolling = false;
async function poll() {
  if (isPolling || document.hidden) return;
  isPolling = true;
  try {
    await pollMarkets();
    await pollAlerts();
    if (market === null) showConnection("wait", "no market has been heard yet");
  } catch (error) {
    showConnection("lost", error.message, error.status);
  } finally {
    isPolling = false;
  }
}

function start() {
  loadSignals().catch(() => {}); // Whatever is wrong, the poll says it.
  poll();
  if (query.has("signal")) explain(query.get("signal"));
}

follow("api/v1/signals/stream", new AbortController().signal, (name, data) => {
  events += 1;
  if (name === "gap") loadSignals().catch(() => {});
  else if (data) {
    allSignals.add(data);
    if (market && isOf(data, market)) signals.add(data);
    isSignalListOld = true;
  }
}, (state, detail, status) => {
  // What came while the stream was away may be before the last id that it knows.
  if (state === "live") loadSignals().catch(() => {});
  if (state !== "wait") showConnection(state, detail, status);
});

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

onKey(start);

function repaint() {
  for (const chart of [...Object.values(charts), timeline]) chart.repaint();
}
addEventListener("theme", repaint);

setInterval(() => {
  byId("connection").dataset.rate = events;
  if (byId("connection").dataset.state === "live") setText(byId("connection"), `live · ${events}/s`);
  events = 0;
}, 1_000);
setInterval(poll, pollMilliseconds);
repaint();
start();
requestAnimationFrame(frame);
