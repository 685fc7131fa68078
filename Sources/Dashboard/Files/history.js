// What the charts draw: the last minutes of one market, in a bounded number of rows.

/** How far back the charts look. */
const windowSeconds = 120;
const shortestSeconds = 30;
const rowSeconds = 0.5;
const limit = windowSeconds / rowSeconds + 4;

export class History {
  /** Rows of time and values, one each half second, the last value of the half second. */
  price = [];
  imbalance = [];
  /** Rows of time, bought and (negative) sold, one a second. */
  flow = [];
  lastTime = 0;
  /** The newest trade counted: a stream that is opened again brings the last ones once more. */
  #lastTrade = { id: -1, time: 0 };

  /** How much is worth showing: what there is, within limits. */
  get seconds() {
    const first = Math.min(...[this.price[0], this.flow[0]].map((row) => (row ? row[0] / 1000 : Infinity)));
    return Math.max(shortestSeconds, Math.min(windowSeconds, this.lastTime - first || 0));
  }

  addFeatures(vector) {
    const values = vector.values;
    const slot = Math.floor(vector.time / rowSeconds);
    this.lastTime = Math.max(this.lastTime, vector.time);
    const isValid = vector.validity === "VALID";
    // A book that is not valid is a gap in the line, not a line across it.
    put(this.price, slot, rowSeconds, isValid ? [values.microprice, values.mid] : [null, null]);
    put(this.imbalance, slot, rowSeconds, isValid ? [values.imbalance_5, values.imbalance_10] : [null, null]);
  }

  addTrades(trades) {
    // Newest first on the wire.
    for (const trade of [...trades].reverse()) {
      if (trade.backfilled) continue;
      // Ids begin anew where a market does, but its time goes on.
      if (trade.id <= this.#lastTrade.id && trade.time <= this.#lastTrade.time) continue;
      this.#lastTrade = { id: trade.id, time: trade.time };
      const second = Math.floor(trade.time);
      const quantity = Number(trade.quantity);
      this.lastTime = Math.max(this.lastTime, trade.time);
      const last = this.flow.at(-1);
      if (last && last.slot > second) continue;
      const row = last && last.slot === second ? last : put(this.flow, second, 1, [0, 0]);
      row[trade.side === "buy" ? 1 : 2] += trade.side === "buy" ? quantity : -quantity;
    }
  }
}

function put(rows, slot, width, values) {
  const last = rows.at(-1);
  if (last && last.slot === slot) {
    last[1] = values[0];
    last[2] = values[1];
    return last;
  }
  if (last && last.slot > slot) return last;
  const row = [new Date(slot * width * 1000), ...values];
  row.slot = slot;
  rows.push(row);
  if (rows.length > limit) rows.splice(0, rows.length - limit);
  return row;
}
