import Foundation
import Runtime
import TestSupport
import Testing
import Transport

/// `ingest` against `exchange-sim`, each speaking a venue's own protocol: books from the venue's messages, and every
/// fault that its rules can show.
@Suite struct VenueTests {
    /// A venue, and what shows a missing depth message: the metric that counts it.
    struct Venue: Sendable, CustomStringConvertible {
        let name: String
        let symbols: String
        let showsLossBy: String?
        /// The part of the venue's address over HTTP that is a path.
        var root = ""
        /// Where the streams begin.
        var path = ""
        /// The simulator's name of the venue, if it has another.
        var simulated: String?
        var arguments: [String] = []
        /// Whether the simulator can leave out ids of a message.
        var hasHoles = false
        /// A fault that only this venue's protocol can show, and the metric that counts it, with its label.
        var ownFault: (name: String, metric: String, label: String)?

        var description: String { name }
    }

    private static let contracts = "BTCUSD_PERP,ETHUSD_PERP"
    static let venues = [
        Venue(
            name: "binance", symbols: "BTCUSDT,ETHUSDT", showsLossBy: MetricName.feedGaps, path: "/sbe",
            simulated: "binance-sbe", arguments: ["--format", "sbe"], hasHoles: true),
        Venue(
            name: "binance-usdm", symbols: "BTCUSDT,ETHUSDT", showsLossBy: MetricName.feedGaps, path: "/public",
            hasHoles: true),
        Venue(name: "binance-coinm", symbols: contracts, showsLossBy: MetricName.feedGaps, hasHoles: true),
        Venue(
            name: "kraken", symbols: "BTC-USDT,ETH-USDT", showsLossBy: MetricName.feedChecksums,
            ownFault: ("bad_checksum", MetricName.feedChecksums, failed)),
        // Nothing but the connection's order promises that no change of the book is missing.
        Venue(
            name: "coinbase", symbols: "BTC-USDT,ETH-USDT", showsLossBy: nil,
            ownFault: ("crossed", MetricName.feedCrossedBooks, "")),
        Venue(
            name: "bybit", symbols: "BTCUSDT,ETHUSDT", showsLossBy: MetricName.feedGaps,
            ownFault: ("restart", MetricName.feedSnapshots, "")),
        Venue(
            name: "okx", symbols: "BTC-USDT,ETH-USDT", showsLossBy: MetricName.feedGaps,
            ownFault: ("hole", MetricName.feedGaps, "")),
        Venue(
            name: "bitstamp", symbols: "BTC/USDT,ETH/USDT", showsLossBy: nil,
            ownFault: ("crossed", MetricName.feedCrossedBooks, "")),
        Venue(
            name: "bitfinex", symbols: "BTC-USDT,ETH-USDT", showsLossBy: MetricName.feedGaps,
            ownFault: ("zero_checksum", MetricName.feedChecksums, failed)),
        Venue(name: "coinbase-advanced", symbols: "BTC-USDT,ETH-USDT", showsLossBy: MetricName.feedGaps),
        Venue(
            name: "kraken-futures", symbols: "PF_XBTUSD,PF_ETHUSD", showsLossBy: MetricName.feedGaps,
            root: "/derivatives/api/v3"),
        Venue(name: "deribit", symbols: "BTC-PERPETUAL,ETH-PERPETUAL", showsLossBy: MetricName.feedGaps),
        Venue(name: "bybit-linear", symbols: "BTCUSDT,ETHUSDT", showsLossBy: MetricName.feedGaps),
        Venue(name: "bybit-inverse", symbols: "BTCUSD,ETHUSD", showsLossBy: MetricName.feedGaps),
    ]
    private static let failed = "outcome=\"failed\""

    final class Bench {
        let folder: URL
        let exchange, ingest: Program
        let exchangePort = freePort()
        let port = freePort()
        static let rightKey = "the-right-key-9f3a"

        /// - Parameter key: the client's; the exchange's is `rightKey`.
        init(_ venue: Venue, key: String = Bench.rightKey) async throws {
            folder = try TestFiles.temporaryFolder()
            let keyFile = folder.appending(path: "key")
            try Data((key + "\n").utf8).write(to: keyFile)
            let exchangeKeyFile = folder.appending(path: "exchange-key")
            try Data(Self.rightKey.utf8).write(to: exchangeKeyFile)
            exchange = try Program(
                "exchange-sim",
                [
                    "--venue", venue.simulated ?? venue.name, "--port", "\(exchangePort)", "--metrics-port", "0",
                    // Its trades begin early.
                    "--order-rate", "60", "--seed", "3", "--truth", folder.appending(path: "truth").path,
                    "--api-key-file", exchangeKeyFile.path,
                ], in: folder)
            let address = "http://127.0.0.1:\(exchangePort)"
            _ = await eventually { await Web.get(address + "/control/accounts")?.status == 200 }
            ingest = try Program(
                "ingest",
                [
                    "--venue", venue.name, "--symbols", venue.symbols, "--websocket-url",
                    "ws://127.0.0.1:\(exchangePort)\(venue.path)", "--rest-url", address + venue.root, "--publish",
                    "ipc://\(folder.path)/ticks", "--metrics-port", "\(port)", "--lease-dir", "\(folder.path)/leases",
                    "--reconnect-delay", "0.1",
                ] + venue.arguments
                    + (venue.arguments.isEmpty
                        ? []
                        : [
                            "--api-key-file", keyFile.path, "--keyless-websocket-url",
                            "ws://127.0.0.1:\(exchangePort)",
                        ]),
                in: folder)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func isReady(_ text: String = "2 of 2 books valid") async -> Bool {
            await eventually(within: 60) {
                let page = await Web.get("http://127.0.0.1:\(port)/ready")
                return page?.status == 200 && page?.body.contains(text) == true
            }
        }

        func metric(_ name: String, _ label: String = "") async -> Double {
            await Web.metric(name, port: port, label: label) ?? 0
        }

        func inject(_ fault: String) async throws {
            let client = try HTTPClient()
            defer { client.shutdown() }
            var request = HTTPRequest(url: "http://127.0.0.1:\(exchangePort)/control/faults")
            request.method = "POST"
            request.body = Array(fault.utf8)
            #expect(try await client.send(request).status == 202, "\(fault)")
        }
    }

    /// Venues at work at once: each mostly waits.
    private static let width = 4

    @Test func booksAreBuiltLostAndFoundAgain() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (place, venue) in Self.venues.enumerated() {
                if place >= Self.width { try await group.next() }
                group.addTask { try await check(venue) }
            }
            try await group.waitForAll()
        }
    }

    private func check(_ venue: Venue) async throws {
        let bench = try await Bench(venue)
        #expect(await bench.isReady(), "\(bench.ingest.logText) \(bench.exchange.logText)")
        #expect(await eventually { await bench.metric(MetricName.feedTrades) > 0 }, "\(venue)")
        #expect(await bench.metric(MetricName.feedRejected) == 0, "\(venue)")

        // A missing message: found by what the venue offers for it, and healed.
        if let metric = venue.showsLossBy {
            let label = metric == MetricName.feedChecksums ? Self.failed : ""
            let before = await bench.metric(metric, label)
            try await bench.inject(#"{"fault":"drop","channel":"depth"}"#)
            #expect(await eventually(within: 30) { await bench.metric(metric, label) > before }, "\(venue)")
            #expect(await bench.isReady(), "\(venue)")
        }

        if venue.hasHoles {
            let before = await bench.metric(MetricName.feedGaps)
            let symbol = venue.symbols.prefix { $0 != "," }
            // A hole among updates that wait for a snapshot may be covered by it.
            let label = #"symbol="\#(symbol.filter { $0 != "_" })""#
            let updates = await bench.metric(MetricName.feedBookUpdates, label)
            #expect(
                await eventually(within: 30) { await bench.metric(MetricName.feedBookUpdates, label) > updates + 5 })
            try await bench.inject(#"{"fault":"hole","channel":"depth","symbol":"\#(symbol)"}"#)
            #expect(await eventually(within: 30) { await bench.metric(MetricName.feedGaps) > before })
            #expect(await bench.isReady())
        }

        // What only this venue can do. It shows nothing where it strikes a book that is being built anew.
        if let own = venue.ownFault {
            let counted = await bench.metric(own.metric, own.label)
            var isCounted = false
            for _ in 0..<5 where !isCounted {
                try await bench.inject(#"{"fault":"\#(own.name)"}"#)
                isCounted = await eventually(within: 6) { await bench.metric(own.metric, own.label) > counted }
            }
            #expect(isCounted, "\(venue): \(own.name)")
            #expect(await bench.isReady(), "\(venue)")
        }

        // A message cut off in the middle is refused; what it held is missed like a lost one.
        try await bench.inject(#"{"fault":"malformed","channel":"trade"}"#)
        #expect(await eventually(within: 30) { await bench.metric(MetricName.feedRejected) > 0 }, "\(venue)")
        #expect(await bench.isReady(), "\(venue)")

        // The connection is reset: new books. Where a loss is the connection's, another may have begun to replace it.
        func connections() async -> Double {
            await bench.metric(MetricName.feedReconnects) + bench.metric(MetricName.feedRotations)
        }
        let before = await connections()
        try await bench.inject(#"{"fault":"reset"}"#)
        #expect(await eventually(within: 30) { await connections() > before }, "\(venue)")
        #expect(await bench.isReady(), "\(venue)")
    }

    /// The venue refuses the key: one line says so, and the same market goes on in JSON.
    @Test func aRefusedKeyLeadsToTheStreamsThatNeedNone() async throws {
        let bench = try await Bench(Self.venues[0], key: "a-wrong-key-77b1")
        #expect(await bench.isReady(), "\(bench.ingest.logText) \(bench.exchange.logText)")
        #expect(await bench.metric(MetricName.feedKeysRefused) == 1)
        #expect(await eventually { await bench.metric(MetricName.feedTrades) > 0 })
        #expect(await bench.metric(MetricName.feedRejected) == 0)
        // A lost connection does not lead back to the key.
        try await bench.inject(#"{"fault":"reset"}"#)
        #expect(await eventually(within: 30) { await bench.metric(MetricName.feedReconnects) > 0 })
        #expect(await bench.isReady())
        #expect(await bench.metric(MetricName.feedKeysRefused) == 1)

        for program in [bench.ingest, bench.exchange] {
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0)
        }
        let lines = bench.ingest.logText.split(separator: "\n").filter { $0.contains("refuses the key") }
        #expect(lines.count == 1 && lines[0].contains("HTTP 401"), "\(bench.ingest.logText)")
        for program in [bench.ingest, bench.exchange] {
            let text = program.logText + program.outputText
            #expect(!text.contains("a-wrong-key-77b1") && !text.contains(Bench.rightKey), "a key is in the log")
        }
    }
}
