import Foundation
import Testing
import Transport
import Wire

@testable import Alerter
@testable import Runtime

/// The pages of silences over HTTP, and the same rules in a policy file.
@Suite struct SilencePagesTests {
    private struct Added: Decodable {
        struct Matches: Decodable {
            let openAlerts: Int
            let symbols: [String]

            enum CodingKeys: String, CodingKey {
                case symbols
                case openAlerts = "open_alerts"
            }
        }

        let id: String
        let symbols: [String]?
        let matches: Matches
    }

    private final class Pages: Sendable {
        let bench: DeliveryBench
        let silences: SilenceBoard
        private let endpoint: HealthEndpoint
        private let task: Task<Void, any Error>

        init() throws {
            bench = try DeliveryBench()
            silences = try SilenceBoard(bench.outbox, at: 0)
            let pages = ExtraPages()
            AlerterPages(outbox: bench.outbox, silences: silences, channels: ["webhook", "slack"]).add(to: pages)
            let endpoint = try HealthEndpoint(
                host: "127.0.0.1", port: 0, health: Health(), metrics: PrometheusRegistry(descriptions: []),
                pages: pages, service: "alerter")
            self.endpoint = endpoint
            task = Task { try await endpoint.run() }
        }

        deinit { task.cancel() }

        func send(_ method: String, _ path: String, _ body: String = "") async throws -> (status: Int, body: String) {
            var request = HTTPRequest(method: method, url: "http://127.0.0.1:\(endpoint.port)\(path)")
            request.headers = [(name: "Content-Type", value: "application/json")]
            request.body = Array(body.utf8)
            let answer = try await bench.http.send(request)
            return (answer.status, String(decoding: answer.body, as: UTF8.self))
        }

        /// The answer to a new silence with these fields, as JSON, and an hour of time.
        func add(_ fields: String) async throws -> (status: Int, body: String) {
            try await send("POST", "/api/v1/silences", "{\(fields), \"duration_seconds\": 3600}")
        }
    }

    private static func signal(
        _ id: String, _ symbol: String, _ type: String = "drift", venue: String? = nil
    ) -> SignalDocument {
        var signal = SignalDocument(
            id: id, timestamp: 1_696_867_200, signalType: type, score: 0.85, symbol: symbol)
        signal.venue = venue
        return signal
    }

    /// A silence of a venue, and the history of one.
    @Test(.timeLimit(.minutes(1))) func aVenueIsSilenced() async throws {
        let pages = try Pages()
        try pages.bench.add([
            Self.signal("1", "BTCUSDT", venue: "okx"), Self.signal("2", "BTCUSDT", venue: "kraken"),
            Self.signal("3", "ETHUSDT", venue: "kraken"),
        ])
        for (venue, symbols, open) in [("okx", ["BTCUSDT"], 2), ("k*", ["BTCUSDT", "ETHUSDT"], 4), ("bybit", [], 0)] {
            let answer = try await pages.add(#""venues": ["\#(venue)"]"#)
            #expect(answer.status == 201, "\(venue): \(answer)")
            #expect(answer.body.contains(#""venues":["\#(venue)"]"#))
            let added = try JSONDecoder().decode(Added.self, from: Data(answer.body.utf8))
            #expect(added.matches.symbols == symbols && added.matches.openAlerts == open, "\(venue)")
        }
        for (query, count) in [("venue=okx", 2), ("venue=kraken&symbol=ETHUSDT", 2), ("venue=bybit", 0)] {
            let page = try await pages.send("GET", "/api/v1/alerts?" + query)
            let alerts = try JSONDecoder().decode(AlertPage.self, from: Data(page.body.utf8)).alerts
            #expect(alerts.count == count, "\(query)")
        }
        #expect(try await pages.send("GET", "/api/v1/alerts?venue=OKX").status == 400)
    }

    /// Every spelling of a symbol silences it, and the answer says what is matched now.
    @Test(.timeLimit(.minutes(1))) func everySpellingSilences() async throws {
        let pages = try Pages()
        try pages.bench.add(["BTCUSDT", "BTCUSDC", "ETHUSDT"].map { Self.signal($0, $0) })
        try pages.bench.add([Self.signal("burst", "BTCUSDT", "burst")], channels: ["slack"])
        for (written, kept, symbols, open) in [
            ("BTCUSDT", "BTCUSDT", ["BTCUSDT"], 3), ("btcusdt", "BTCUSDT", ["BTCUSDT"], 3),
            ("BTC/USDT", "BTCUSDT", ["BTCUSDT"], 3), ("BTC-USDT", "BTCUSDT", ["BTCUSDT"], 3),
            ("btc_usdt", "BTCUSDT", ["BTCUSDT"], 3), ("btc*", "BTC*", ["BTCUSDC", "BTCUSDT"], 5),
            ("BTC/*", "BTC*", ["BTCUSDC", "BTCUSDT"], 5), ("???usdt", "???USDT", ["BTCUSDT", "ETHUSDT"], 5),
            ("*", "*", ["BTCUSDC", "BTCUSDT", "ETHUSDT"], 7), ("BTCUSTD", "BTCUSTD", [], 0),
        ] {
            let answer = try await pages.add(#""symbols": ["\#(written)"]"#)
            #expect(answer.status == 201, "\(written): \(answer)")
            let added = try JSONDecoder().decode(Added.self, from: Data(answer.body.utf8))
            #expect(added.symbols == [kept] && added.matches.symbols == symbols && added.matches.openAlerts == open)
            let silence = try #require(pages.silences.list(at: 0).first { $0.id == added.id })
            for symbol in ["BTCUSDT", "BTCUSDC", "ETHUSDT"] {
                let applies = silence.applies(
                    to: Self.signal("x", symbol), .info, on: "slack", at: silence.startsAt)
                #expect(applies == symbols.contains(symbol), "\(written) \(symbol)")
            }
        }
        let drift = try await pages.add(#""types": ["dri*"], "channels": ["slack"]"#)
        #expect(try JSONDecoder().decode(Added.self, from: Data(drift.body.utf8)).matches.openAlerts == 3)
        #expect(try await pages.send("GET", "/api/v1/alerts?symbol=btc-usdc").body.contains("BTCUSDC"))
        #expect(try await pages.send("GET", "/api/v1/alerts?symbol=BTC.USDC").status == 400)
        // A type that no signal can have is an error, not an empty page.
        #expect(try await pages.send("GET", "/api/v1/alerts?type=DRIFT").status == 400)
        #expect(try await pages.send("GET", "/api/v1/alerts?type=drift").status == 200)
    }

    /// What could silence nothing is refused, and says what to write instead.
    @Test(.timeLimit(.minutes(1))) func whatSilencesNothingIsRefused() async throws {
        let pages = try Pages()
        let long = String(repeating: "x", count: 257)
        for (fields, hint) in [
            (#""types": ["DRIFT"]"#, "lower case, e.g. drift"), (#""types": ["drift "]"#, "lower case"),
            (#""types": [""]"#, "lower case"), (#""types": []"#, "leave it out"),
            (#""venues": []"#, "leave it out"), (#""venues": ["OKX"]"#, "e.g. okx"),
            (#""symbols": []"#, "leave it out"), (#""channels": []"#, "leave it out"),
            (#""symbols": [""]"#, "write BTCUSDT"), (#""symbols": ["/"]"#, "write BTCUSDT"),
            (#""symbols": ["BTC USDT"]"#, "write BTCUSDT"), (#""symbols": ["BTC.USDT"]"#, "write BTCUSDT"),
            (#""symbols": ["[A-Z]+"]"#, "write BTCUSDT"), (#""symbols": ["ETHUSDT", "BTC%"]"#, "write BTCUSDT"),
            (#""symbols": ["\#(long)"]"#, "write BTCUSDT"),
            (#""channels": ["Slack"]"#, "configured are webhook, slack"),
            (#""comment": "\#(long)""#, "longer than 256"), (#""created_by": "\#(long)""#, "longer than 256"),
        ] {
            let answer = try await pages.add(fields)
            #expect(answer.status == 400, "\(fields): \(answer)")
            let problem = try JSONDecoder().decode(ProblemDocument.self, from: Data(answer.body.utf8))
            #expect(problem.detail.contains(hint), "\(fields): \(problem.detail)")
        }
        #expect(pages.silences.list(at: 0).isEmpty)
        // A character is one, however many bytes it has.
        let comment = String(repeating: "é", count: 256)
        #expect(try await pages.add(#""comment": "\#(comment)""#).status == 201)
    }

    /// A policy file follows the same rules.
    @Test func aPolicyIsReadInTheSameSpelling() throws {
        let folder = FileManager.default.temporaryDirectory
        func policy(_ text: String) throws -> AlertPolicy {
            let file = folder.appending(path: "policy-\(UUID().uuidString).json")
            defer { try? FileManager.default.removeItem(at: file) }
            try Data(text.utf8).write(to: file)
            return try AlertPolicy(file: file.path, channels: ["slack"])
        }
        func route(_ fields: String) -> String { #"{"routes": [{"name": "r", \#(fields)}]}"# }
        let good = try policy(route(#""match": {"symbols": ["btc/usdt", "eth-*"], "types": ["drift", "buy_*"]}"#))
        #expect(good.routes[0].match.symbols == ["BTCUSDT", "ETH*"])
        let inhibition = #"{"inhibitions": [{"source": {"symbols": ["%"]}, "target": {"types": ["%"]}, "seconds": 1}]}"#
        #expect(try policy(inhibition.replacing("%", with: "btc*")).inhibitions[0].source.symbols == ["BTC*"])
        for (text, hint) in [
            (route(#""match": {"types": ["DRIFT"]}"#), "lower case"),
            (route(#""match": {"symbols": ["A.B"]}"#), "BTCUSDT"),
            (route(#""channels": []"#), "leave it out"), (route(#""match": {"symbols": []}"#), "leave it out"),
            (inhibition.replacing("%", with: "BURST"), "lower case"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try policy(text) }
            #expect("\(error.map { "\($0)" } ?? "")".contains(hint), "\(text)")
        }
    }
}
