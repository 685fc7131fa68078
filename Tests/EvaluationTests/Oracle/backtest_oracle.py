"""Recomputes a report of `microlab backtest` from the tape's events: every label, every trade, and the figures of the report.

    python3 backtest_oracle.py EVENTS.csv report.json

EVENTS.csv is `microlab export TAPE --csv`. Prices are decimals, money is exact; scikit-learn, scipy and numpy give the
figures. The signals themselves (id, side, score, time) are taken from the report: `detect` has an oracle of its own.
"""

import csv
import json
import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import scipy.stats
import sklearn.metrics

LEVELS = 20


class Market:
    """Best levels of one symbol as an order would meet them."""

    def __init__(self):
        self.bids, self.asks, self.has_books = [], [], False

    def take(self, row):
        """Takes a row; says whether it leaves a quote that can be acted on."""
        kind = row["kind"]
        if kind == "book":
            self.has_books = True
            self.bids, self.asks = ([], []) if row["validity"] != "valid" else (side(row, "bid"), side(row, "ask"))
        elif kind == "quote":
            if self.has_books and not self.bids and not self.asks:
                return False
            bid, ask = side(row, "bid")[0], side(row, "ask")[0]
            self.bids = [bid] + [level for level in self.bids if level[0] < bid[0]]
            self.asks = [ask] + [level for level in self.asks if level[0] > ask[0]]
        elif kind == "status":
            if row["validity"] != "valid":
                self.bids, self.asks = [], []
        else:
            return False
        return bool(self.bids and self.asks and self.bids[0][0] < self.asks[0][0])


def side(row, name):
    levels = []
    for rank in range(1, LEVELS + 1):
        price = row[f"{name}_price_{rank}"]
        if price and Decimal(row[f"{name}_quantity_{rank}"]) > 0:
            levels.append((Decimal(price), Decimal(row[f"{name}_quantity_{rank}"])))
    return levels


class Barrier:
    def __init__(self, config, long, entry, time):
        self.long, self.entry, self.time = long, Fraction(entry), time
        up, down = (config["profit_target_pct"], config["stop_loss_pct"]) if long else (
            config["stop_loss_pct"], config["profit_target_pct"])
        self.above = self.entry * (1 + Fraction(str(up)))
        self.below = self.entry * (1 - Fraction(str(down)))
        self.deadline = time + round(config["max_holding_seconds"] * 1e9)

    def reached(self, market, time):
        price = Fraction(market.bids[0][0] if self.long else market.asks[0][0])
        if price >= self.above:
            return "profit_target" if self.long else "stop_loss"
        if price <= self.below:
            return "stop_loss" if self.long else "profit_target"
        return "time_limit" if time >= self.deadline else None


def walk(levels, wanted):
    left, paid = wanted, Decimal(0)
    for price, quantity in levels:
        used = min(left, quantity)
        left -= used
        paid += used * price
        if not left:
            break
    return wanted - left, paid


def replay(rows, signals, config, unit, tick):
    """Labels and trades of one symbol, market orders only."""
    latency = round(config["latency_ms"] * 1e6)
    fee = Decimal(str(config["fee_rate"])) + Decimal(str(config["slippage_bps"])) / 10_000
    market, now, queue = Market(), None, signals
    waiting, open_labels, labels = [], [], {}
    entry, position, trades, equity = None, None, [], 1.0
    capital = Decimal(str(config["initial_capital"]))
    cash, place = capital, 0
    for row in rows:
        stamp = int(row["receive_time_ns"])
        # Signals are made by an event and come after it, before the next.
        now_before, now = now, max(stamp, now or stamp)
        if row["kind"] == "trade":
            quoted = False
        else:
            quoted = market.take(row)
        if quoted:
            for label in list(open_labels):
                outcome = label["barrier"].reached(market, now)
                if outcome:
                    labels[label["id"]] = (outcome, label["barrier"], now, market.bids[0][0] if label["barrier"].long else market.asks[0][0])
                    open_labels.remove(label)
            for signal, due in list(waiting):
                if now > due:
                    long = signal["side"] == "long"
                    best = market.asks[0][0] if long else market.bids[0][0]
                    open_labels.append({"id": signal["id"], "barrier": Barrier(config, long, best, now)})
                    waiting.remove((signal, due))
            if position:
                barrier = position["barrier"]
                reached = barrier.reached(market, now)
                if position["closing"] is None:
                    if reached:
                        position["closing"] = (reached, now + latency)
                elif now > position["closing"][1]:
                    got, paid = walk(market.bids if barrier.long else market.asks, position["left"])
                    position["left"] -= got
                    position["out"] += paid
                    if not position["left"]:
                        trades.append(finish(position, now, fee))
                        cash += trades[-1]["profit"]
                        position = None
            if entry and now > entry[1]:
                signal, _ = entry
                long = signal["side"] == "long"
                best = market.asks[0][0] if long else market.bids[0][0]
                wanted = Decimal(math.floor(float(capital) * config["position_fraction"] / float(best) / float(unit))) * unit
                got, paid = walk(market.asks if long else market.bids, wanted)
                entry = None
                if got:
                    average = Fraction(paid) / Fraction(got) / Fraction(tick)
                    average = (math.ceil(average) if long else math.floor(average)) * Fraction(tick)
                    position = {"id": signal["id"], "barrier": Barrier(config, long, average, now), "left": got,
                                "quantity": got, "in": paid, "out": Decimal(0), "closing": None, "entered": now}
        while place < len(queue) and queue[place]["time_nanoseconds"] <= now and is_made_by(queue, place, row, rows):
            signal = queue[place]
            place += 1
            if signal.get("side") is None:
                continue
            due = signal["time_nanoseconds"] + latency
            waiting.append((signal, due))
            if signal["score"] >= config["min_score"] and entry is None and position is None:
                entry = (signal, due)
    for label in open_labels:
        labels[label["id"]] = ("end_of_data", label["barrier"], now, market.bids[0][0] if label["barrier"].long else market.asks[0][0])
    if position:
        best = market.bids[0][0] if position["barrier"].long else market.asks[0][0]
        position["out"] += best * position["left"]
        position["closing"] = ("end_of_data", now)
        trades.append(finish(position, now, fee))
    return labels, trades


def is_made_by(queue, place, row, rows):
    # A signal's time is the receive time of the vector that completed it: a book, or a status of a silent market.
    return row["kind"] in ("book", "status") and int(row["receive_time_ns"]) >= queue[place]["time_nanoseconds"]


def finish(position, now, fee):
    gain = (position["out"] - position["in"]) * (1 if position["barrier"].long else -1)
    return {"id": position["id"], "outcome": position["closing"][0], "entered": position["entered"], "left": now,
            "quantity": position["quantity"], "profit": gain - fee * (position["in"] + position["out"])}


class Check:
    def __init__(self):
        self.count, self.wrong = 0, []

    def equal(self, what, made, expected):
        self.count += 1
        if isinstance(expected, (float, Decimal, np.floating)) and made is not None:
            if not math.isclose(float(made), float(expected), rel_tol=1e-9, abs_tol=1e-9):
                self.wrong.append(f"{what}: {made}, expected {expected}")
        elif made != expected:
            self.wrong.append(f"{what}: {made}, expected {expected}")


def main(events, report):
    report = json.load(open(report))
    config = report["configuration"]
    rows = {}
    with open(events, newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["symbol"], []).append(row)
    check = Check()
    for symbol, own in rows.items():
        signals = [s for s in report["signal_list"] if s["symbol"] == symbol]
        sample = next(r for r in own if r["kind"] == "book")
        unit = Decimal(1).scaleb(Decimal(sample["bid_quantity_1"]).as_tuple().exponent)
        tick = Decimal(1).scaleb(Decimal(sample["bid_price_1"]).as_tuple().exponent)
        labels, trades = replay(own, signals, config, unit, tick)
        cost = config["fee_rate"] + config["slippage_bps"] / 10_000
        for signal in signals:
            label, made = signal.get("label"), labels.get(signal["id"])
            check.equal(f"{signal['id']} has a label", label is not None, made is not None)
            if label is None or made is None:
                continue
            outcome, barrier, left, price = made
            check.equal(f"{signal['id']} outcome", label["outcome"], outcome)
            check.equal(f"{signal['id']} entry time", label["entry_time_nanoseconds"], barrier.time)
            check.equal(f"{signal['id']} exit time", label["exit_time_nanoseconds"], left)
            check.equal(f"{signal['id']} entry", label["entry_price"], float(barrier.entry))
            check.equal(f"{signal['id']} exit", label["exit_price"], float(price))
            entry, exit_ = float(barrier.entry), float(price)
            net = (exit_ * (1 - cost) - entry * (1 + cost)) if barrier.long else (entry * (1 - cost) - exit_ * (1 + cost))
            check.equal(f"{signal['id']} net return", label["net_return"], net / entry)
        own_trades = [t for t in report["trade_list"] if t["symbol"] == symbol]
        check.equal(f"{symbol} trades", [t["id"] for t in own_trades], [t["id"] for t in trades])
        for made, expected in zip(own_trades, trades):
            for key, other in (("outcome", "outcome"), ("entry_time_nanoseconds", "entered"), ("exit_time_nanoseconds", "left")):
                check.equal(f"{made['id']} {key}", made[key], expected[other])
            check.equal(f"{made['id']} quantity", made["quantity"], float(expected["quantity"]))
            check.equal(f"{made['id']} profit", made["profit"], expected["profit"])
    figures(report, check)
    for line in check.wrong[:20]:
        print(line)
    print(f"backtest: {check.count} values of {len(report['signal_list'])} signals and {len(report['trade_list'])} trades, "
          f"{len(check.wrong)} differ")
    return bool(check.wrong)


def figures(report, check):
    """The report's own figures, from its signals, trades and equity."""
    labelled = [s for s in report["signal_list"] if s.get("label")]
    hits = np.array([s["label"]["net_return"] > 0 for s in labelled])
    scores = np.array([s["score"] for s in labelled])
    check.equal("hits", report["signals"]["hits"], int(hits.sum()))
    if len(set(hits)) == 2:
        check.equal("AUC", report["signals"]["ranking"]["area_under_roc"], sklearn.metrics.roc_auc_score(hits, scores))
        check.equal("average precision", report["signals"]["ranking"]["average_precision"],
                    sklearn.metrics.average_precision_score(hits, scores))
    if len(labelled):
        check.equal("Brier", report["signals"]["score_calibration"]["brier_score"], sklearn.metrics.brier_score_loss(hits, scores, pos_label=True))
        check.equal("mean net", report["signals"]["mean_net_return"], np.mean([s["label"]["net_return"] for s in labelled]))
    equity = np.array([1.0] + [p["equity"] for p in report["equity"]])
    returns = np.diff(equity)
    statistics = report["trades"]["statistics"]
    if statistics["count"] == len(returns) and returns.std() > 0:
        sharpe = returns.mean() / returns.std(ddof=1)
        check.equal("Sharpe", report["trades"]["sharpe"], sharpe)
        skew, kurt = scipy.stats.skew(returns), scipy.stats.kurtosis(returns, fisher=False)
        check.equal("skewness", statistics["skewness"], skew)
        psr = scipy.stats.norm.cdf(sharpe * math.sqrt(len(returns) - 1) / math.sqrt(1 - skew * sharpe + (kurt - 1) / 4 * sharpe**2))
        check.equal("PSR", report["trades"]["probabilistic_sharpe"], psr)
        fall = (1 - equity / np.maximum.accumulate(equity)).max()
        if len(report["markets"]) > 1:
            check.equal("drawdown", report["trades"]["maximum_drawdown"], fall)
    check.equal("profit", report["trades"]["profit"], sum(t["profit"] for t in report["trade_list"]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
