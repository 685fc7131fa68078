// Signals and alerts: the lists, and the explanation of one.

import { ask } from "./api.js";
import { byId, fixed, make, short, time, typeClass } from "./format.js";
import { meter } from "./market.js";

/** Signals remembered, and rows shown. */
const limit = 300;
const rowLimit = 100;

export class Signals {
  /** Newest first. */
  list = [];
  #ids = new Set();

  /** Whether it was new. */
  add(signal) {
    if (this.#ids.has(signal.id)) return false;
    this.#ids.add(signal.id);
    const place = this.list.findIndex((other) => other.timestamp <= signal.timestamp);
    this.list.splice(place < 0 ? this.list.length : place, 0, signal);
    for (const old of this.list.splice(limit)) this.#ids.delete(old.id);
    return true;
  }
}

const arrow = (direction) => ({ up: " ↑", down: " ↓" })[direction] ?? "";

export function showSignals(signals, nameOf) {
  const rows = signals.slice(0, rowLimit).map((signal) => {
    const row = make("tr", typeClass(signal.signal_type));
    row.tabIndex = 0;
    row.dataset.id = signal.id;
    row.title = "Why?";
    row.append(
      make("td", "", time(signal.timestamp)), make("td", "", nameOf(signal)), make("td", "type", signal.signal_type + arrow(signal.direction)),
      make("td", "", signal.metric ?? "posted"), make("td", "number", fixed(signal.score, 3)));
    return row;
  });
  byId("signals").tBodies[0].replaceChildren(...rows);
  byId("no-signals").hidden = rows.length > 0;
}

export function showAlerts(alerts, nameOf) {
  const rows = alerts.map((alert) => {
    const row = make("tr", typeClass(alert.signal.signal_type));
    row.tabIndex = 0;
    row.dataset.id = alert.signal.id;
    const state = make("td");
    const pill = make("span", "pill", alert.state);
    pill.dataset.state = alert.state;
    state.append(pill);
    row.append(
      make("td", "", time(alert.updated)), make("td", "", alert.channel), state,
      make("td", "type", `${nameOf(alert.signal)} ${alert.signal.signal_type}${arrow(alert.signal.direction)} ${fixed(alert.signal.score, 2)}`),
      make("td", "", alert.reason ?? ""));
    return row;
  });
  byId("alerts").tBodies[0].replaceChildren(...rows);
  byId("no-alerts").hidden = rows.length > 0;
}

/** Opens the explanation of a signal. */
export async function explain(id) {
  const dialog = byId("explanation");
  byId("explanation-title").textContent = "Signal";
  byId("explanation-title").className = "";
  byId("explanation-summary").textContent = "…";
  for (const part of ["findings", "cautions"]) byId(`explanation-${part}`).replaceChildren();
  byId("explanation-features").tBodies[0].replaceChildren();
  byId("explanation-id").textContent = id;
  if (!dialog.open) dialog.showModal();
  let explanation;
  try {
    explanation = await ask(`api/v1/signals/${encodeURIComponent(id)}/explain`);
  } catch (error) {
    byId("explanation-summary").textContent = error.message;
    return;
  }
  const signal = explanation.signal;
  byId("explanation-title").textContent = `${signal.symbol} ${signal.signal_type}${arrow(signal.direction)} · ${fixed(signal.score, 3)}`;
  byId("explanation-summary").textContent = explanation.summary;
  byId("explanation-findings").replaceChildren(...explanation.findings.map((finding) => {
    const bar = meter(finding.metric, finding.detector);
    const share = finding.fraction === null ? "" : `${fixed(100 * finding.fraction, 0)} % of the score`;
    bar.show(share, finding.fraction ?? 0);
    bar.element.classList.remove("over", "high");
    bar.element.append(make("span", "meter-note", finding.text));
    return bar.element;
  }));
  byId("explanation-cautions").replaceChildren(...explanation.cautions.map((text) => make("li", "", text)));
  const { at_onset: onset, at_detection: detection } = explanation.features;
  const names = Object.keys(detection?.values ?? onset?.values ?? {});
  byId("explanation-features").tBodies[0].replaceChildren(...names.map((name) => {
    const row = make("tr");
    row.append(make("td", "", name), make("td", "number", short(onset?.values[name])), make("td", "number", short(detection?.values[name])));
    return row;
  }));
  if (names.length === 0) {
    const row = make("tr");
    row.append(make("td", "", "no longer remembered: about five minutes are"));
    byId("explanation-features").tBodies[0].replaceChildren(row);
  }
}
