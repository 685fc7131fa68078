// One market as it is now: key figures, ladder, detectors, feed. Each writes a state into elements that stand already.

import { byId, count, decimal, decimals, fixed, make, milliseconds, setText, signed } from "./format.js";
import { decimalStep } from "./ticks.js";

const levels = 12;
const figures = new Map([...document.querySelectorAll("[data-figure]")].map((element) => [element.dataset.figure, element]));

function figure(name, text, direction = 0) {
  const element = figures.get(name);
  setText(element, text);
  element.classList.toggle("up", direction > 0);
  element.classList.toggle("down", direction < 0);
}

function ladderSide(element) {
  return Array.from({ length: levels }, () => {
    const row = make("div", "level");
    row.setAttribute("role", "row");
    const parts = { row, depth: make("div", "depth"), price: make("span", "price"), size: make("span", "size"), sum: make("span", "sum") };
    for (const cell of [parts.price, parts.size, parts.sum]) cell.setAttribute("role", "cell");
    row.append(parts.depth, parts.price, parts.size, parts.sum);
    element.append(row);
    return parts;
  });
}

// The best ask stands lowest of the asks, next to the best bid.
const asks = ladderSide(byId("asks")).reverse();
const bids = ladderSide(byId("bids"));

/** Digits that the prices and sizes of the book need, so that columns do not jump. */
function places(book, column) {
  let most = 0;
  for (const level of [...book.bids.slice(0, levels), ...book.asks.slice(0, levels)]) {
    most = Math.max(most, decimals(level[column].replace(/0+$/, "")));
  }
  return most;
}

function showSide(rows, side, largest, priceDigits, sizeDigits) {
  let sum = 0;
  rows.forEach((parts, index) => {
    const level = side[index];
    parts.row.style.visibility = level ? "visible" : "hidden";
    if (!level) return;
    sum += Number(level[1]);
    setText(parts.price, decimal(level[0], priceDigits));
    setText(parts.size, decimal(level[1], sizeDigits));
    setText(parts.sum, fixed(sum, Math.min(sizeDigits, 4)));
    parts.depth.style.transform = `scaleX(${largest > 0 ? Math.min(1, sum / largest) : 0})`;
  });
}

let priceDigits = 2;
let tickSize = null;
let lastMid = NaN;

export function showBook(book) {
  const total = (side) => side.slice(0, levels).reduce((sum, level) => sum + Number(level[1]), 0);
  const largest = Math.max(total(book.bids), total(book.asks));
  tickSize = book.tick_size ?? null;
  priceDigits = Math.max(places(book, 0), tickSize === null ? 0 : decimals(tickSize.replace(/\.?0+$/, "")), 1);
  const sizeDigits = places(book, 1);
  showSide(asks, book.asks, largest, priceDigits, sizeDigits);
  showSide(bids, book.bids, largest, priceDigits, sizeDigits);
  const mid = fixed(book.mid, priceDigits + 1);
  setText(byId("middle-price"), mid);
  setText(byId("middle-spread"), `spread ${fixed(book.spread, priceDigits)}`);
  byId("ladder").classList.toggle("stale", book.validity !== "VALID");
  byId("ladder").dataset.updateId = book.update_id;
  const pill = byId("validity");
  setText(pill, book.validity);
  pill.dataset.state = book.validity;
  const bps = book.mid > 0 ? (book.spread / book.mid) * 1e4 : null;
  figure("mid", mid, book.mid - lastMid);
  figure("spread", `spread ${fixed(book.spread, priceDigits)} · ${fixed(bps, 2)} bps`);
  lastMid = book.mid;
  document.title = `${mid} ${book.symbol} · microstructure`;
}

export function showFeatures(vector) {
  const values = vector.values;
  figure("imbalance_10", signed(values.imbalance_10, 3), values.imbalance_10);
  figure("imbalance_5", `5 levels ${signed(values.imbalance_5, 3)}`);
  const offset = values.microprice === null || values.mid === null ? null : values.microprice - values.mid;
  figure("microprice_offset", signed(offset, priceDigits + 2), offset);
  figure("microprice", `microprice ${fixed(values.microprice, priceDigits + 2)}`);
  figure("trade_imbalance_5s", signed(values.trade_imbalance_5s, 3), values.trade_imbalance_5s);
  figure("trade_volume_5s", `of ${fixed(values.trade_volume_5s, 3)} traded`);
  byId("figures").dataset.time = vector.time;
}

/** A labelled bar; `ratio` 1 is its end. */
export function meter(name, note) {
  const element = make("div", "meter");
  const label = make("span", "meter-name", name);
  if (note) label.append(" ", make("em", "", note));
  const value = make("span", "meter-value");
  const track = make("div", "track");
  const fill = make("div", "fill");
  track.append(fill);
  element.append(label, value, track);
  return {
    element,
    show(text, ratio) {
      setText(value, text);
      const size = Number.isFinite(ratio) ? Math.max(0, Math.min(1, ratio)) : 0;
      fill.style.transform = `scaleX(${size})`;
      element.classList.toggle("high", size >= 0.75 && size < 1);
      element.classList.toggle("over", size >= 1);
    },
  };
}

const detectorLimit = 64;
let meters = new Map();

export function showDetectors(state) {
  const shown = state.detectors.slice(0, detectorLimit);
  const names = shown.map((entry) => `${entry.detector} ${entry.metric}`);
  if (names.length !== meters.size || names.some((name) => !meters.has(name))) {
    meters = new Map(shown.map((entry, index) => [names[index], meter(entry.metric, entry.detector)]));
    byId("detectors").replaceChildren(...[...meters.values()].map((entry) => entry.element));
  }
  shown.forEach((entry, index) => {
    const text = entry.statistic === null ? "warming up" : `${signed(entry.statistic, 2)} of ${fixed(entry.threshold, 2)}`;
    meters.get(names[index]).show(text, entry.ratio);
  });
  const score = byId("score");
  setText(score.querySelector("[data-score]"), `${fixed(state.score, 3)} of ${fixed(state.dynamic_threshold, 3)}`);
  score.querySelector(".fill").style.transform = `scaleX(${state.score ?? 0})`;
  score.querySelector(".tick").style.left = `${100 * (state.dynamic_threshold ?? 0)}%`;
  score.classList.toggle("over", state.score > state.dynamic_threshold);
  figure("score", fixed(state.score, 3));
  const budget = state.budget_use === null ? "" : ` · ${fixed(100 * state.budget_use, 0)} % of budget`;
  figure("dynamic_threshold", `threshold ${fixed(state.dynamic_threshold, 3)}${budget}`);
  byId("types").tBodies[0].replaceChildren(
    ...state.types.slice(0, detectorLimit).map((entry) => {
      const row = make("tr");
      const held = entry.suppressed_by_threshold + entry.suppressed_by_cooldown;
      row.append(make("td", "", entry.type), make("td", "", count(entry.candidates)), make("td", "", count(entry.emitted)), make("td", "", count(held)));
      return row;
    }),
  );
  byId("detectors").dataset.time = state.time;
}

// Name, text of the value, and whether it is bad news.
const facts = [
  ["Latency"],
  ["median", (feed) => milliseconds(feed.median_latency_ms)],
  ["p95", (feed) => milliseconds(feed.p95_latency_ms)],
  ["p99", (feed) => milliseconds(feed.p99_latency_ms)],
  ["Clock"],
  ["exchange − here", (feed) => (feed.clock_drift_ms === undefined ? "–" : `${signed(feed.clock_drift_ms, 1)} ± ${fixed(feed.clock_error_ms, 1)} ms`)],
  ["gains", (feed) => (feed.clock_drift_ppm === undefined ? "–" : `${signed(Number(feed.clock_drift_ppm), 1)} ppm`)],
  ["Book"],
  ["sequence gaps", (feed) => count(feed.gap_count)],
  ["fetched anew", (feed) => count(feed.resync_count)],
  ["crossed", (feed) => count(feed.crossed_book_count), (feed) => feed.crossed_book_count > 0],
  ["last recovery", (feed) => milliseconds(feed.last_recovery_ms)],
  ["Trades"],
  ["received", (feed) => count(feed.trade_count)],
  ["missed, then fetched or late", (feed) => `${count(feed.missed_trade_count)} / ${count(feed.backfilled_trade_count + feed.late_trade_count)}`],
  ["lost", (feed) => count(feed.unfilled_trade_count), (feed) => feed.unfilled_trade_count > 0],
  ["Connection"],
  ["messages", (feed) => count(feed.message_count)],
  ["reconnects", (feed) => count(feed.reconnect_count)],
  ["refused messages", (feed) => count(feed.rejected_count), (feed) => feed.rejected_count > 0],
  ["market", (feed) => feed.trading_status ?? "–", (feed) => (feed.trading_status ?? "TRADING") !== "TRADING"],
  ["silent channels", (feed) => feed.silent_channels.join(", ") || "none", (feed) => feed.silent_channels.length > 0],
  ["request weight, this minute", (feed) => count(feed.request_weight_used)],
];
let factCells;

export function showFeed(feed) {
  factCells ??= facts.map(([name, value]) => {
    const title = make("dt", value ? "" : "group", name);
    byId("feed").append(title);
    if (!value) return null;
    const cell = make("dd");
    cell.dataset.fact = name;
    byId("feed").append(cell);
    return cell;
  });
  facts.forEach(([, value, isBad], index) => {
    if (!value) return;
    setText(factCells[index], value(feed));
    factCells[index].classList.toggle("bad", isBad?.(feed) ?? false);
  });
  setText(byId("feed-age"), feed.producer);
  byId("feed").dataset.messages = feed.message_count;
  figure("p95_latency_ms", milliseconds(feed.p95_latency_ms));
  figure("clock", `clock ${feed.clock_drift_ms === undefined ? "–" : `${signed(feed.clock_drift_ms, 1)} ± ${fixed(feed.clock_error_ms, 1)} ms`}`);
}

/** Nothing is known of the market that is looked at now. */
export function clearMarket() {
  for (const name of figures.keys()) figure(name, "–");
  for (const parts of [...asks, ...bids]) parts.row.style.visibility = "hidden";
  setText(byId("middle-price"), "–");
  setText(byId("middle-spread"), "");
  byId("detectors").replaceChildren();
  meters = new Map();
  byId("types").tBodies[0].replaceChildren();
  const score = byId("score");
  setText(score.querySelector("[data-score]"), "–");
  score.querySelector(".fill").style.transform = "scaleX(0)";
  score.classList.remove("over");
  for (const cell of factCells ?? []) if (cell) setText(cell, "–");
  setText(byId("feed-age"), "");
  setText(byId("validity"), "–");
  byId("validity").dataset.state = "wait";
  lastMid = NaN;
  tickSize = null;
}

/** A price as the chart's line of values writes it: the microprice lies between two prices. */
export const priceText = (value) => fixed(value, priceDigits + 2);

/** What prices are multiples of: the instrument's tick size, or the last digit of the prices seen. */
export const priceStep = () => decimalStep(tickSize) ?? [1, -priceDigits];
