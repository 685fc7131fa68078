import Foundation
import Logging
import Microstructure
import Testing
import Wire

@testable import Gateway
@testable import Runtime

extension GatewayTests {
    @Suite struct OverviewTests {
        private struct Document: Decodable {
            struct Line: Decodable {
                struct Signal: Decodable {
                    let id, type: String
                    let timestamp, score: Double
                    let direction: String?

                    enum CodingKeys: String, CodingKey {
                        case id, timestamp, score, direction
                        case type = "signal_type"
                    }
                }

                let symbol, venue, validity: String
                let mid, spread, imbalance, score, threshold, latency: Double?
                let tick: String?
                let signal: Signal?

                enum CodingKeys: String, CodingKey {
                    case symbol, venue, validity, mid, score
                    case spread = "spread_bps"
                    case imbalance = "imbalance_10"
                    case threshold = "dynamic_threshold"
                    case latency = "p95_latency_ms"
                    case tick = "tick_size"
                    case signal = "last_signal"
                }
            }
            let markets: [Line]
        }

        private static func lines(_ port: Int) throws -> [Document.Line] {
            try ask(port, "GET", "/api/v1/overview").decode(Document.self).markets
        }

        @Test func eachMarketHasALine() async throws {
            try await Bench.run { bench in
                let port = bench.port
                #expect(try Self.lines(port).isEmpty)
                #expect(try ask(port, "GET", "/api/v1/overview?symbol=BTCUSDT").status == 400)

                var book = ProtoBook()
                (book.bidPrices, book.askPrices, book.priceExponent, book.tickSize) = ([9_990], [10_010], -2, 5)
                (book.bidQuantities, book.askQuantities) = ([1], [1])
                try bench.publish(.book(book), on: .tick(.binance, "BTCUSDT", .book))
                var status = ProtoStatus()
                (status.validity, status.latencyP95Ns) = (.valid, 12_500_000)
                try bench.publish(.status(status), on: .tick(.binance, "BTCUSDT", .status))
                var vector = ProtoFeatureVector()
                (vector.schemaID, vector.validity) = (FeatureSchema().id, .valid)
                vector.values = FeatureSchema().columns.map { $0.name == "imbalance_10" ? 0.375 : .nan }
                try bench.publish(.featureVector(vector), on: .feature(venue: "binance", symbol: "BTCUSDT"))
                var state = ProtoDetectorState()
                (state.score, state.dynamicThreshold) = (0.25, 0.75)
                try bench.publish(.detectorState(state), on: .detector(venue: "binance", symbol: "BTCUSDT"))
                for number in 1...3 { try bench.publish(number) }

                // A market whose book has not been valid once is one too: it is the one to look at.
                status = ProtoStatus()
                status.validity = .resyncing
                try bench.publish(.status(status), on: .tick(.binance, "NEWUSDT", .status))

                #expect(
                    try eventually {
                        let lines = try Self.lines(port)
                        return lines.count == 2 && lines[0].score != nil && lines[0].imbalance != nil
                            && lines[0].mid != nil && lines[0].latency != nil && lines[0].signal?.id == Bench.id(3)
                    })
                let lines = try Self.lines(port)
                let bitcoin = lines[0]
                #expect(bitcoin.symbol == "BTCUSDT" && bitcoin.venue == "binance" && bitcoin.validity == "VALID")
                #expect(bitcoin.mid == 100 && bitcoin.tick == "0.05" && bitcoin.imbalance == 0.375)
                #expect(abs((bitcoin.spread ?? .nan) - 20) < 1e-9)
                #expect(bitcoin.score == 0.25 && bitcoin.threshold == 0.75 && bitcoin.latency == 12.5)
                #expect(bitcoin.signal?.type == "drift" && bitcoin.signal?.score == 0.75)
                #expect(bitcoin.signal?.direction == "up" && bitcoin.signal?.timestamp == 1_700_000_003)
                #expect(lines[1].symbol == "NEWUSDT" && lines[1].validity == "RESYNCING")
                #expect(
                    lines[1].mid == nil && lines[1].spread == nil && lines[1].score == nil && lines[1].signal == nil)
                // Its page can be opened.
                #expect(try ask(port, "GET", "/api/v1/history/NEWUSDT").status == 200)
            }
        }

        @Test func theNewestSignalOfAMarketIsKept() {
            func signal(_ time: Double, _ symbol: String, _ venue: String?) -> SignalDocument {
                var signal = SignalDocument(
                    id: "\(time)", timestamp: time, signalType: "drift", score: 0.5, symbol: symbol)
                signal.venue = venue
                return signal
            }
            let latest = LatestSignals([signal(1, "A", "x"), signal(5, "A", "y")])
            latest.receive(signal(3, "A", "x"))
            // Replayed after a gap: older than what is known.
            latest.receive(signal(2, "A", "x"))
            #expect(latest.signal(venue: "x", symbol: "A")?.timestamp == 3)
            #expect(latest.signal(venue: "y", symbol: "A")?.timestamp == 5)
            #expect(latest.signal(venue: "x", symbol: "B") == nil)
            // A posted one names no venue.
            latest.receive(signal(4, "A", nil))
            #expect(latest.signal(venue: "x", symbol: "A")?.timestamp == 4)
            #expect(latest.signal(venue: "y", symbol: "A")?.timestamp == 5)
            for number in 0...LatestSignals.limit { latest.receive(signal(1, "S\(number)", nil)) }
            #expect(latest.signal(venue: "x", symbol: "S0") != nil)
            #expect(latest.signal(venue: "x", symbol: "S\(LatestSignals.limit)") == nil)
        }

        /// After a restart the overview knows the last signals of all markets, not just the last signals.
        @Test func theStoreTellsTheNewestOfEachMarket() throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "latest-\(UUID().uuidString.prefix(8))")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let store = try SQLiteSignalRepository(path: folder.path + "/gateway.sqlite")
            #expect(try store.latest(limit: 10).isEmpty)
            let signals = (0..<300).map { number in
                var document = SignalDocument(
                    id: "id-\(number)", timestamp: Double(number), signalType: "drift", score: 0.5,
                    symbol: number == 0 ? "RARE" : "S\(number % 7)")
                document.venue = number == 3 ? "okx" : number == 5 ? nil : "kraken"
                return NewSignal(document: document)
            }
            _ = try store.insert(signals, positions: [:])
            let latest = try store.latest(limit: 12).map { try $0.document }
            #expect(Set(latest.map(\.symbol)) == Set(["RARE"] + (0..<7).map { "S\($0)" }))
            #expect(Set(latest.map(\.id)) == Set(["id-0", "id-3", "id-5"] + (293..<300).map { "id-\($0)" }))
            #expect(try store.latest(limit: 3).count == 3)
        }

        /// However many ask, the document is written twice a second at most.
        @Test func theOverviewIsWrittenOnceForAllWhoAsk() async throws {
            try await Bench.run { bench in
                let port = bench.port
                let status = ProtoStatus()
                try bench.publish(.status(status), on: .tick(.binance, "AUSDT", .status))
                #expect(try eventually { try Self.lines(port).count == 1 })
                let start = HostClock.monotonicNanoseconds
                var bodies: Set<String> = []
                for number in 0..<20 {
                    try bench.publish(.status(status), on: .tick(.binance, "B\(number)USDT", .status))
                    bodies.insert(try ask(port, "GET", "/api/v1/overview").body)
                }
                let written = (HostClock.monotonicNanoseconds - start) / OverviewController.refreshNanoseconds + 2
                #expect(bodies.count <= written)
                #expect(try eventually { try Self.lines(port).count == 21 })
            }
        }
    }
}
