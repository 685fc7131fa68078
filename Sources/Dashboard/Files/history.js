// What the charts draw: the last minutes of one market, one row a second. What was comes from the gateway, what follows
// from the stream; the stream is opened first, so that nothing lies between, and trades have numbers, so that none counts twice.

/** How far back the charts look. */
const windowSeconds = 300;
const shortestSeconds = 30;
/** How long a state is taken to last without a newer one. As the gateway does. */
const carrySeconds = 10;
/** Most events that wait for the past; more of them push the oldest out. */
const queueLimit = 1_000;

export class History {
  /** Ascending; each is a second and what was last known in it. */
  #rows = [];
  /** The number of the newest trade counted. */
  #trades = 0;
  /** Whether the past was not given: a gateway that has started anew also counts trades anew, and nothing says so. */
  #isAlone = false;
  /** Events that came while the past is asked for. */
  #queue = null;
  /** Of the newest event, seconds since 1970. */
  lastTime = 0;

  /** How much is worth showing: what there is, within limits. */
  get seconds() {
    return Math.max(shortestSeconds, Math.min(windowSeconds, this.lastTime - (this.#rows[0]?.second ?? Infinity) || 0));
  }

  /** Rows of time and values, as a chart takes them. */
  get price() { return this.#series("microprice", "mid"); }
  get imbalance() { return this.#series("imbalance_5", "imbalance_10"); }
  get flow() { return this.#rows.map((row) => [row.date, row.bought, -row.sold]); }

  #series(first, second) {
    const rows = [];
    for (const [index, row] of this.#rows.entries()) {
      const before = this.#rows[index - 1];
      // Nothing is known of what lies between: a gap in the line, not a line across it.
      if (before && row.second - before.second > carrySeconds) rows.push([new Date((before.second + 1) * 1000), null, null]);
      rows.push([row.date, row[first], row[second]]);
    }
    return rows;
  }

  /** The least and greatest price of the last `seconds`; null where there is none. */
  get priceRange() {
    let [low, high] = [Infinity, -Infinity];
    for (const row of this.#rows) {
      if (row.second < this.lastTime - this.seconds) continue;
      for (const value of [row.mid, row.microprice]) {
        if (value !== null && value < low) low = value;
        if (value !== null && value > high) high = value;
      }
    }
    return low <= high ? [low, high] : null;
  }

  /** The stream is open: its events wait for `load` or `goAlone`, which are given the answer of the newest call. */
  hold() { return this.#queue = []; }

  /** Takes the gateway's history, which replaces what is known of its seconds, and then the events that came meanwhile. */
  load(past, held) {
    // A stream that has opened since then waits for a later one.
    if (held !== this.#queue) return;
    const rows = past.time.map((second, index) => ({
      ...makeRow(second), mid: past.mid[index], microprice: past.microprice[index], imbalance_5: past.imbalance_5[index],
      imbalance_10: past.imbalance_10[index], bought: past.bought[index], sold: past.sold[index],
    }));
    if (rows.length > 0) {
      this.#rows = [...this.#rows.filter((row) => row.second < rows[0].second), ...rows].slice(-windowSeconds - 1);
      this.lastTime = rows.at(-1).second + 1;
    }
    this.#trades = past.trade_count;
    this.#isAlone = false;
    this.#go();
  }

  /** The past is not to be had: goes on with what is known. */
  goAlone(held) {
    if (held !== this.#queue) return;
    this.#isAlone = true;
    this.#go();
  }

  /** Takes the events that came meanwhile; those that follow are taken as they come. */
  #go() {
    const events = this.#queue;
    this.#queue = null;
    for (const [name, data] of events) this.add(name, data);
  }

  /** Takes an event of the stream. */
  add(name, data) {
    if (this.#queue) {
      this.#queue.push([name, data]);
      if (this.#queue.length > queueLimit) this.#queue.shift();
    } else if (name === "features") this.#addFeatures(data);
    else if (name === "trades") this.#addTrades(data);
  }

  #addFeatures(vector) {
    const row = this.#row(vector.time);
    if (!row) return;
    const isValid = vector.validity === "VALID";
    // A book that is not valid is a gap in the line, not a line across it.
    for (const name of ["mid", "microprice", "imbalance_5", "imbalance_10"]) row[name] = isValid ? (vector.values[name] ?? null) : null;
  }

  #addTrades({ count, trades }) {
    if (this.#isAlone && count < this.#trades) this.#trades = 0;
    // Newest first on the wire; the newest one is number `count`.
    for (let index = trades.length - 1; index >= 0; index -= 1) {
      const trade = trades[index];
      if (count - index <= this.#trades) continue;
      this.#trades = count - index;
      const row = trade.backfilled ? null : this.#row(trade.time);
      if (row) row[trade.side === "buy" ? "bought" : "sold"] += Number(trade.quantity);
    }
  }

  /** The row of a time; null where it is older than all that is kept. */
  #row(time) {
    const second = Math.floor(time);
    // The clock was set back: rows have to ascend.
    if (second < this.#rows.at(-1)?.second - windowSeconds) [this.#rows, this.lastTime] = [[], 0];
    this.lastTime = Math.max(this.lastTime, time);
    // Trades and vectors take different ways: either may come a little late.
    const index = this.#rows.findLastIndex((row) => row.second <= second);
    const last = this.#rows[index];
    if (last?.second === second) return last;
    if (!last && this.#rows.length > windowSeconds) return null;
    const row = makeRow(second, last && second - last.second <= carrySeconds ? last : {});
    this.#rows.splice(index + 1, 0, row);
    if (this.#rows.length > windowSeconds + 1) this.#rows.shift();
    return row;
  }
}

function makeRow(second, state = {}) {
  const { mid = null, microprice = null, imbalance_5 = null, imbalance_10 = null } = state;
  return { second, date: new Date(second * 1000), mid, microprice, imbalance_5, imbalance_10, bought: 0, sold: 0 };
}
