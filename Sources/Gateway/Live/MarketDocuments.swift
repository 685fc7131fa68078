import Microstructure
import NIOCore
import Wire

extension ProtoValidity {
    /// The validity's name in every document; an unknown validity counts as STALE.
    var name: String {
        switch self {
        case .valid: "VALID"
        case .resyncing: "RESYNCING"
        case .stale, .unspecified, .UNRECOGNIZED: "STALE"
        }
    }
}

/// The JSON documents of a market. Times are seconds since 1970; prices and quantities are exact decimals as text.
extension Market {
    private func writeName(to json: inout JSONWriter) {
        json.string("symbol", symbol)
        json.string("venue", venue)
    }

    private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e9 }

    /// - Parameters:
    ///   - depth: most levels per side.
    ///   - validity: the feed's current validity; a book is only as valid as its feed.
    func bookJSON(depth: Int, validity: String) -> ByteBuffer? {
        guard let heard = book else { return nil }
        let book = heard.message
        var json = JSONWriter(capacity: 4_096)
        json.object { json in
            writeName(to: &json)
            json.string("validity", validity)
            json.number("age_seconds", heard.ageSeconds)
            json.number("time", Self.seconds(book.receiveTimeNs))
            json.number("venue_time", Self.seconds(book.venueTimeNs))
            json.integer("book_epoch", book.bookEpoch)
            json.integer("update_id", book.updateID)
            // Computed in whole price units, so that the spread has no floating-point error.
            let exponent = Int8(max(-22, min(22, book.priceExponent)))
            let best = book.bidPrices.first.flatMap { bid in book.askPrices.first.map { (bid: bid, ask: $0) } }
            json.number("mid", best.map { Decimal10.value($0.bid &+ $0.ask, exponent: exponent) / 2 })
            json.number("spread", best.map { Decimal10.value($0.ask &- $0.bid, exponent: exponent) })
            if book.tickSize > 0 { json.decimal("tick_size", book.tickSize, exponent: book.priceExponent) }
            levels("bids", book.bidPrices, book.bidQuantities, of: book, depth: depth, to: &json)
            levels("asks", book.askPrices, book.askQuantities, of: book, depth: depth, to: &json)
            if let quote = quote?.message {
                json.object("quote") { json in
                    json.number("time", Self.seconds(quote.receiveTimeNs))
                    json.decimal("bid_price", quote.bidPrice, exponent: quote.priceExponent)
                    json.decimal("bid_quantity", quote.bidQuantity, exponent: quote.quantityExponent)
                    json.decimal("ask_price", quote.askPrice, exponent: quote.priceExponent)
                    json.decimal("ask_quantity", quote.askQuantity, exponent: quote.quantityExponent)
                }
            }
        }
        return json.buffer
    }

    private func levels(
        _ key: String, _ prices: [Int64], _ quantities: [Int64], of book: ProtoBook, depth: Int,
        to json: inout JSONWriter
    ) {
        json.array(key) { json in
            for (price, quantity) in zip(prices, quantities).prefix(depth) {
                json.array { json in
                    json.decimal(nil, price, exponent: book.priceExponent)
                    json.decimal(nil, quantity, exponent: book.quantityExponent)
                }
            }
        }
    }

    /// The newest `limit` trades with a number above `after`, newest first.
    func tradesJSON(limit: Int, after: UInt64 = 0) -> ByteBuffer {
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            writeName(to: &json)
            json.integer("count", tradeCount)
            json.array("trades") { json in
                for offset in 0..<min(limit, trades.count) {
                    let heard = trades[trades.count - 1 - offset]
                    guard heard.number > after else { return }
                    let trade = heard.trade
                    json.object { json in
                        json.integer("id", trade.id)
                        json.number("time", Self.seconds(trade.receiveTimeNs))
                        json.number("venue_time", Self.seconds(trade.venueTimeNs))
                        json.decimal("price", trade.price, exponent: trade.priceExponent)
                        json.decimal("quantity", trade.quantity, exponent: trade.quantityExponent)
                        json.string("side", trade.aggressor == .sell ? "sell" : "buy")
                        json.bool("backfilled", trade.backfilled)
                    }
                }
            }
        }
        return json.buffer
    }

    func vectorJSON() -> ByteBuffer? {
        guard let heard = vector, let names = schema?.names else { return nil }
        let vector = heard.message
        var json = JSONWriter(capacity: 2_048)
        json.object { json in
            writeName(to: &json)
            json.number("time", Self.seconds(vector.receiveTimeNs))
            json.number("venue_time", Self.seconds(vector.venueTimeNs))
            json.string("validity", vector.validity.name)
            json.integer("book_epoch", vector.bookEpoch)
            json.object("values") { json in
                for (name, value) in zip(names, vector.values) { json.number(name, value) }
            }
        }
        return json.buffer
    }

    /// The last minutes as columns, oldest first. `trade_count` says which trades the sums contain, so that a client of the
    /// live stream, whose trades are counted alike, adds each later one once.
    func historyJSON() -> ByteBuffer {
        let rows = history.rows
        var json = JSONWriter(capacity: 128 * rows.count + 256)
        json.object { json in
            writeName(to: &json)
            json.integer("trade_count", tradeCount)
            json.array("time") { json in for row in rows { json.integer(nil, row.second) } }
            let columns: [(String, KeyPath<MarketHistory.Row, Double>)] = [
                ("mid", \.mid), ("microprice", \.microprice), ("imbalance_5", \.imbalance5),
                ("imbalance_10", \.imbalance10), ("bought", \.bought), ("sold", \.sold),
            ]
            for (name, column) in columns {
                json.array(name) { json in for row in rows { json.number(nil, row[keyPath: column]) } }
            }
        }
        return json.buffer
    }

    func detectorsJSON() -> ByteBuffer? {
        guard let heard = detectors else { return nil }
        let state = heard.message
        var json = JSONWriter(capacity: 2_048)
        json.object { json in
            writeName(to: &json)
            json.number("age_seconds", heard.ageSeconds)
            json.number("time", Self.seconds(state.receiveTimeNs))
            json.string("validity", state.validity.name)
            json.number("score", state.score)
            json.number("dynamic_threshold", state.dynamicThreshold)
            json.number("budget_use", state.hasBudgetUse ? state.budgetUse : nil)
            json.integer("vector_count", state.vectorCount)
            json.integer("invalid_vector_count", state.invalidVectorCount)
            json.array("detectors") { json in
                for standing in state.detectors {
                    json.object { json in
                        json.string("detector", standing.detector)
                        json.string("metric", standing.metric)
                        json.number("statistic", standing.statistic)
                        json.number("threshold", standing.threshold)
                        json.number("ratio", standing.statistic.magnitude / standing.threshold)
                        json.number("share", standing.hasShare ? standing.share : nil)
                    }
                }
            }
            json.array("types") { json in
                for counts in state.counts {
                    json.object { json in
                        json.string("type", counts.type)
                        json.integer("candidates", counts.candidates)
                        json.integer("emitted", counts.emitted)
                        json.integer("suppressed_by_threshold", counts.suppressedByThreshold)
                        json.integer("suppressed_by_cooldown", counts.suppressedByCooldown)
                    }
                }
            }
        }
        return json.buffer
    }
}
