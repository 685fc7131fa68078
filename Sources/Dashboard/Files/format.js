// Numbers as text, and text into elements: never as HTML, so that no symbol, type or message can script.

export const byId = (id) => document.getElementById(id);

/** A new element with text and a class. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** Writes only what changes: an unchanged element costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** By digits behind the point: to make one costs more than to use it. */
const formats = new Map();

export function fixed(value, digits) {
  if (!isNumber(value)) return "–";
  let format = formats.get(digits);
  if (!format) formats.set(digits, format = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return format.format(value);
}

/** With its sign, so that up and down are told without colour. */
export function signed(value, digits) {
  return isNumber(value) ? (value > 0 ? "+" : value < 0 ? "−" : "") + fixed(Math.abs(value), digits) : "–";
}

/** Four significant digits, whatever the size. */
export function short(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(3);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

export const count = (value) => (isNumber(value) ? value.toLocaleString("en-US") : "–");
export const milliseconds = (value) => (isNumber(value) ? `${fixed(value, Math.abs(value) < 10 ? 2 : 1)} ms` : "–");

/** Digits behind the point of an exact decimal. */
export function decimals(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** An exact decimal with thousands told apart, and no zeros that say nothing beyond `least` digits. */
export function decimal(text, least = 2) {
  const [whole, fraction = ""] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const kept = fraction.replace(/0+$/, "").padEnd(Math.min(least, fraction.length), "0");
  return kept ? `${grouped}.${kept}` : grouped;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });

/** Local time of day; of another day with its date. `seconds` since 1970. */
export function time(seconds) {
  if (!isNumber(seconds)) return "–";
  const date = new Date(seconds * 1000);
  const today = new Date().toDateString() === date.toDateString();
  return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

export const signalKinds = ["drift", "burst", "regime_change"];
/** The class that colours a signal's type; what programs post shares one. */
export const typeClass = (type) => `type-${signalKinds.includes(type) ? type : "posted"}`;
