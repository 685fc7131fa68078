import Microstructure
import TestSupport
import Testing
import Venues
import Wire

/// Features in one process with the session, and behind the bus.
@Suite struct TickSizeTests {
    /// A tick of 0.05 at two decimals.
    private static let instrument = Instrument(
        venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -3, tickSize: 5)

    private static func text(_ hundredths: Int64) -> String {
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    /// Frames of a market whose spread is one tick or two.
    private struct Market {
        var random: SplitMix64
        var mid: Int64 = 10_000
        var id: Int64 = 0
        var tradeID: Int64 = 0

        mutating func depth(at milliseconds: Int64) -> [UInt8] {
            id += 1
            let (oldBid, oldAsk) = (mid - 5, mid + 5)
            mid += Int64.random(in: -1...1, using: &random) * 5
            let ask = mid + (Bool.random(using: &random) ? 0 : 5)
            func level(_ price: Int64, _ size: Int64) -> String {
                #"["\#(TickSizeTests.text(price))","0.\#(100 + size)"]"#
            }
            func none(_ price: Int64) -> String { #"["\#(TickSizeTests.text(price))","0.000"]"# }
            let bids =
                stride(from: oldBid - 20, through: oldAsk + 20, by: 5).filter { $0 > mid - 5 }.map(none)
                + [level(mid - 5, .random(in: 1...800, using: &random)), level(mid - 10, 400)]
            let asks =
                stride(from: oldBid - 20, through: oldAsk + 20, by: 5).filter { $0 < ask }.map(none)
                + [level(ask, .random(in: 1...800, using: &random)), level(ask + 5, 400)]
            return Array(
                """
                {"e":"depthUpdate","E":\(milliseconds),"s":"BTCUSDT","U":\(id),"u":\(id),\
                "b":[\(bids.joined(separator: ","))],"a":[\(asks.joined(separator: ","))]}
                """.utf8)
        }

        mutating func trade(at milliseconds: Int64) -> [UInt8] {
            tradeID += 1
            return Array(
                """
                {"e":"trade","E":\(milliseconds),"s":"BTCUSDT","t":\(tradeID),"p":"\(TickSizeTests.text(mid))",\
                "q":"0.250","T":\(milliseconds),"m":\(Bool.random(using: &random)),"M":true}
                """.utf8)
        }
    }

    @Test func featuresAreTheSameWithAndWithoutTheBus() throws {
        var market = Market(random: SplitMix64(seed: 20_240_808))
        var session = try BinanceSession(BinanceConfiguration(instruments: [Self.instrument]))
        session.connectionOpened(at: Timestamp(nanoseconds: 0))
        var inProcess = FeatureEngine(instrument: Self.instrument, id: InstrumentID(0))
        var oneUnit = inProcess
        // As `features` makes it: the bus states the scale, each book its tick.
        var behindBus = FeatureEngine(
            instrument: Instrument(venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -3),
            id: InstrumentID(0))
        var writer = EnvelopeWriter(producer: "test", epoch: 1)
        var reader = EnvelopeReader()
        let column = try #require(FeatureSchema().index(of: "microprice_stoikov"))
        var (vectors, prices, differences) = (0, 0, 0)
        var batch = EventBatch()

        func takeBatch() throws {
            let levels = batch.levels
            for event in batch.events {
                writer.sequence += 1
                switch event {
                case .book(let update): writer.write(update, levels: levels.span, instrument: Self.instrument)
                case .trade(let trade): writer.write(trade, instrument: Self.instrument)
                case .quote, .heartbeat: continue
                }
                let bytes = writer.withBytes { $0.withUnsafeBytes { Array($0) } }
                try reader.read(bytes.span)
                guard case .event(let received) = reader.content else {
                    Issue.record("an envelope is not read")
                    continue
                }
                var untold = event
                if case .book(var update) = event {
                    update.tickSize = 1
                    untold = .book(update)
                }
                let header = inProcess.process(event, levels: levels.span)
                let read = reader.levels
                #expect(behindBus.process(received, levels: read.span) == header)
                _ = oneUnit.process(untold, levels: levels.span)
                guard header != nil else { continue }
                vectors += 1
                let values = inProcess.values
                #expect(values.map(\.bitPattern) == behindBus.values.map(\.bitPattern))
                guard !values[column].isNaN else { continue }
                prices += 1
                if values[column] != oneUnit.values[column] { differences += 1 }
            }
        }
        for step in 0..<3_000 as Range<Int64> {
            let milliseconds = 1_700_000_000_000 + step * 100
            let time = Timestamp(nanoseconds: milliseconds * 1_000_000 + 5_000_000)
            batch.removeAll()
            let frame = step % 3 == 2 ? market.trade(at: milliseconds) : market.depth(at: milliseconds)
            let action = try session.receive(frame.span, at: time, into: &batch)
            if case .fetchSnapshot(let id) = action {
                let body = Array(
                    #"{"lastUpdateId":\#(market.id),"bids":[["90.00","1.000"]],"asks":[["110.00","1.000"]]}"#.utf8)
                _ = try session.receiveSnapshot(body.span, for: id, at: time, into: &batch)
            }
            try takeBatch()
        }
        #expect(session.counts(of: InstrumentID(0)).resyncs == 0 && session.totalCounts.rejections.total == 0)
        #expect(vectors > 1_000 && prices > 100)
        // Else the test would not notice a tick that gets lost.
        #expect(differences > 0)
    }
}
