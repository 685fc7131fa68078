@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Microstructure
import TestSupport
import Testing

@Suite struct PolicyTests {
    private static let second: Int64 = 1_000_000_000

    private static func signal(
        _ symbol: String = "BTCUSDT", _ type: String = "drift", venue: String? = nil, score: Double = 0.7,
        direction: String? = "up"
    ) -> SignalDocument {
        var signal = SignalDocument(id: "x", timestamp: 0, signalType: type, score: score, symbol: symbol)
        signal.direction = direction
        signal.venue = venue
        return signal
    }

    private static func policy(_ json: String, channels: [String] = ["console", "slack"]) throws -> AlertPolicy {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path + "/policy.json"
        try json.write(toFile: path, atomically: true, encoding: .utf8)
        return try AlertPolicy(file: path, channels: channels)
    }

    /// Channels and lanes, or the reason.
    private static func outcomes(_ decisions: [AlertDecision], at now: Int64 = 0) -> [String] {
        decisions.map { decision in
            switch decision.outcome {
            case .deliver(let lane, let readyAt, _): "\(decision.channel) \(lane) +\((readyAt - now) / 1_000_000)ms"
            case .suppress(let reason): "\(decision.channel) \(reason.rawValue)"
            }
        }
    }

    @Test func withoutAPolicyEverythingGoesEverywhereAtOnce() {
        var engine = PolicyEngine(AlertPolicy(), channels: ["console", "slack"])
        #expect(
            Self.outcomes(engine.process(Self.signal(), at: 0)) == [
                "console default BTCUSDT +0ms", "slack default BTCUSDT +0ms",
            ])
    }

    @Test func routesMatchBySymbolTypeSeverityAndScore() throws {
        let policy = try Self.policy(
            """
            {"severity": {"warning": 0.5, "critical": 0.9},
             "routes": [
               {"name": "majors", "match": {"symbols": ["BTC*", "ETH?SDT"], "minSeverity": "critical"},
                "channels": ["slack"], "continue": true},
               {"name": "bursts", "match": {"types": ["burst"], "minScore": 0.6}, "groupBy": ["symbol", "type"]},
               {"name": "rest", "match": {"types": ["d*"]}, "channels": ["console"], "groupBy": []}]}
            """)
        var engine = PolicyEngine(policy, channels: ["console", "slack"])
        func route(_ signal: SignalDocument) -> [String] { Self.outcomes(engine.process(signal, at: 0)) }
        #expect(
            route(Self.signal("BTCUSDT", "drift", score: 0.95)) == ["slack majors BTCUSDT +0ms", "console rest +0ms"])
        #expect(route(Self.signal("ETHUSDT", "drift", score: 0.95)).first == "slack majors ETHUSDT +0ms")
        #expect(route(Self.signal("ETHUUSDT", "drift", score: 0.95)) == ["console rest +0ms"])
        #expect(
            route(Self.signal("XRPUSDT", "burst")) == [
                "console bursts XRPUSDT burst +0ms", "slack bursts XRPUSDT burst +0ms",
            ])
        #expect(route(Self.signal("XRPUSDT", "burst", score: 0.5)) == ["none no_route"])
        #expect(policy.severity(of: 0.5) == .warning && policy.severity(of: 0.9) == .critical)
    }

    /// At the scale of 100 ms: the first opens the window, and all of it go when it closes.
    @Test func aWindowGathersItsGroup() throws {
        let policy = try Self.policy(#"{"routes": [{"name": "r", "channels": ["slack"], "groupWindowSeconds": 0.1}]}"#)
        var engine = PolicyEngine(policy, channels: ["console", "slack"])
        func wait(at now: Int64, _ symbol: String = "A") -> [String] {
            Self.outcomes(engine.process(Self.signal(symbol), at: now), at: now)
        }
        #expect(wait(at: 0) == ["slack r A +100ms"])
        #expect(wait(at: 60_000_000) == ["slack r A +40ms"])
        #expect(wait(at: 60_000_000, "B") == ["slack r B +100ms"])
        #expect(wait(at: 100_000_000) == ["slack r A +100ms"])
    }

    @Test func repetitionsWaitUnlessTheyAreWorse() throws {
        let policy = try Self.policy(#"{"routes": [{"name": "r", "repeatIntervalSeconds": 60}]}"#, channels: ["slack"])
        var engine = PolicyEngine(policy, channels: ["slack"])
        func outcome(_ signal: SignalDocument, at seconds: Int64) -> String {
            let now = seconds * Self.second
            return Self.outcomes(engine.process(signal, at: now), at: now)[0]
        }
        #expect(outcome(Self.signal(score: 0.7), at: 0) == "slack r BTCUSDT +0ms")
        #expect(outcome(Self.signal(score: 0.8), at: 59) == "slack repeated")
        #expect(outcome(Self.signal(score: 0.8, direction: "down"), at: 59) == "slack r BTCUSDT +0ms")
        #expect(outcome(Self.signal("ETHUSDT"), at: 59) == "slack r ETHUSDT +0ms")
        #expect(outcome(Self.signal(score: 0.9), at: 59) == "slack r BTCUSDT +0ms")
        #expect(outcome(Self.signal(score: 0.9), at: 118) == "slack repeated")
        #expect(outcome(Self.signal(score: 0.7), at: 119) == "slack r BTCUSDT +0ms")
        // A restarted engine is told, and goes on.
        var restarted = PolicyEngine(policy, channels: ["slack"])
        restarted.remember(Self.signal(score: 0.7), on: "slack", route: "r", at: 119 * Self.second)
        #expect(Self.outcomes(restarted.process(Self.signal(), at: 150 * Self.second))[0] == "slack repeated")
    }

    @Test func aSilenceEndsByItself() {
        var engine = PolicyEngine(AlertPolicy(), channels: ["console", "slack"])
        engine.silences = [
            Silence(
                id: "1", symbols: ["BTC*"], types: ["drift"], channels: ["slack"], startsAt: 10, endsAt: 20,
                comment: "",
                createdBy: "")
        ]
        func outcomes(_ signal: SignalDocument, at seconds: Int64) -> [String] {
            let now = seconds * Self.second
            return Self.outcomes(engine.process(signal, at: now), at: now)
        }
        let both = ["console default BTCUSDT +0ms", "slack default BTCUSDT +0ms"]
        #expect(outcomes(Self.signal(), at: 9) == both)
        #expect(outcomes(Self.signal(), at: 10) == ["console default BTCUSDT +0ms", "slack silenced"])
        #expect(outcomes(Self.signal("BTCUSDT", "burst"), at: 10) == both)
        #expect(outcomes(Self.signal(), at: 20) == both)
    }

    @Test func anInhibitionMutesItsSymbolForItsTime() throws {
        let policy = try Self.policy(
            """
            {"inhibitions": [{"source": {"types": ["regime_change"]}, "target": {"types": ["drift"]}, "seconds": 0.1}]}
            """, channels: ["slack"])
        var engine = PolicyEngine(policy, channels: ["slack"])
        func outcome(_ signal: SignalDocument, at now: Int64) -> String {
            Self.outcomes(engine.process(signal, at: now), at: now)[0]
        }
        #expect(outcome(Self.signal(), at: 0) == "slack default BTCUSDT +0ms")
        #expect(outcome(Self.signal("BTCUSDT", "regime_change"), at: 1) == "slack default BTCUSDT +0ms")
        #expect(outcome(Self.signal(), at: 100_000_000) == "slack inhibited")
        #expect(outcome(Self.signal("ETHUSDT"), at: 100_000_000) == "slack default ETHUSDT +0ms")
        #expect(outcome(Self.signal(), at: 100_000_001) == "slack default BTCUSDT +0ms")
    }

    /// Two venues of one symbol: routes and silences match them, groups and repetitions keep them apart.
    @Test func venuesAreToldApart() throws {
        let policy = try Self.policy(
            """
            {"routes": [
               {"name": "futures", "match": {"venues": ["binance_*m"]}, "channels": ["slack"]},
               {"name": "rest", "groupBy": ["symbol", "venue"], "repeatIntervalSeconds": 60, "channels": ["console"]}],
             "inhibitions": [{"source": {"types": ["regime_change"]}, "target": {"types": ["drift"]}, "seconds": 1,
                              "equal": ["venue", "symbol"]}]}
            """)
        var engine = PolicyEngine(policy, channels: ["console", "slack"])
        func outcome(_ signal: SignalDocument, at now: Int64 = 0) -> String {
            Self.outcomes(engine.process(signal, at: now), at: now)[0]
        }
        #expect(outcome(Self.signal(venue: "binance_usdm")) == "slack futures BTCUSDT +0ms")
        #expect(outcome(Self.signal(venue: "okx")) == "console rest BTCUSDT okx +0ms")
        #expect(outcome(Self.signal(venue: "kraken")) == "console rest BTCUSDT kraken +0ms")
        #expect(outcome(Self.signal(venue: "okx")) == "console repeated")
        #expect(outcome(Self.signal("BTCUSDT", "regime_change", venue: "okx")) == "console rest BTCUSDT okx +0ms")
        #expect(outcome(Self.signal(venue: "okx", score: 0.9), at: 1) == "console inhibited")
        #expect(outcome(Self.signal(venue: "kraken", score: 0.9), at: 1) == "console rest BTCUSDT kraken +0ms")
        engine.silences = [
            Silence(id: "1", venues: ["kra*"], startsAt: 0, endsAt: 20, comment: "", createdBy: "")
        ]
        #expect(outcome(Self.signal("ETHUSDT", venue: "kraken")) == "console silenced")
        #expect(outcome(Self.signal("ETHUSDT", venue: "okx")) == "console rest ETHUSDT okx +0ms")
    }

    /// Quiet hours over midnight in a zone with summer time: 22:00 to 07:00 in Berlin.
    @Test func quietHoursHoldOrDrop() throws {
        func policy(_ extra: String) throws -> AlertPolicy {
            try Self.policy(
                """
                {"routes": [{"name": "r", "quietHours":
                 [{"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"\(extra)}]}]}
                """, channels: ["slack"])
        }
        func nanoseconds(_ text: String) throws -> Int64 {
            Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970) * Self.second
        }
        var holding = PolicyEngine(try policy(""), channels: ["slack"])
        // 23:30 in Berlin, summer: seven and a half hours to go.
        let night = try nanoseconds("2024-08-08T21:30:00Z")
        #expect(
            Self.outcomes(holding.process(Self.signal(), at: night), at: night) == [
                "slack held until 2024-08-09T05:00:00Z r BTCUSDT +27000000ms"
            ])
        #expect(
            Self.outcomes(holding.process(Self.signal(score: 0.9), at: night), at: night) == ["slack r BTCUSDT +0ms"])
        let morning = try nanoseconds("2024-08-09T05:00:00Z")
        #expect(Self.outcomes(holding.process(Self.signal(), at: morning), at: morning) == ["slack r BTCUSDT +0ms"])
        // The night in which the clock is put forward is an hour shorter.
        let short = try nanoseconds("2024-03-30T22:00:00Z")
        #expect(
            Self.outcomes(holding.process(Self.signal(), at: short), at: short) == [
                "slack held until 2024-03-31T05:00:00Z r BTCUSDT +25200000ms"
            ])
        var dropping = PolicyEngine(try policy(#", "hold": false, "days": ["thu"]"#), channels: ["slack"])
        // 2024-08-08 was a Thursday: its night lasts until Friday morning, and the next one is not quiet.
        #expect(Self.outcomes(dropping.process(Self.signal(), at: night)) == ["slack quiet_hours"])
        let later = try nanoseconds("2024-08-09T03:00:00Z")
        #expect(Self.outcomes(dropping.process(Self.signal(), at: later)) == ["slack quiet_hours"])
        let friday = try nanoseconds("2024-08-09T21:30:00Z")
        #expect(Self.outcomes(dropping.process(Self.signal(), at: friday), at: friday) == ["slack r BTCUSDT +0ms"])
    }

    @Test(arguments: [
        ("[]", "policy"), ("{", "JSON"), (#"{"rotes": []}"#, "'rotes'"), (#"{"routes": []}"#, "routes"),
        (#"{"routes": [{"name": "r", "channels": ["pager"]}]}"#, "pager"),
        (#"{"routes": [{"name": "r", "match": {"symbol": ["A"]}}]}"#, "'symbol'"),
        (#"{"routes": [{"name": "r", "match": {"minScore": 2}}]}"#, "minScore"),
        (#"{"routes": [{"name": "r", "match": {"symbols": []}}]}"#, "symbols"),
        (#"{"routes": [{"name": "r", "match": {"venues": ["OKX"]}}]}"#, "e.g. okx"),
        (#"{"routes": [{"name": "r", "match": {"venues": []}}]}"#, "venues is empty"),
        (#"{"routes": [{"name": "r", "groupWindowSeconds": -1}]}"#, "groupWindowSeconds"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "25:00", "to": "07:00"}]}]}"#, "quietHours"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "22:00", "to": "07:00", "timeZone": "Mars"}]}]}"#, "Mars"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "24:00", "to": "07:00"}]}]}"#, "24:00"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "22:00", "to": "24:01"}]}]}"#, "24:00"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "07:00", "to": "07:00"}]}]}"#, "24:00"),
        (#"{"routes": [{"name": "r", "quietHours": [{"from": "00:00", "to": "24:00"}]}]}"#, "without an end"),
        (
            #"{"routes": [{"name": "r", "quietHours": [{"from": "22:00", "to": "10:00"}, {"from": "09:00", "to": "22:00"}]}]}"#,
            "without an end"
        ), (#"{"routes": [{"name": "r", "quietHours": [{"from": "22:00", "to": "07:00", "days": ["Mon"]}]}]}"#, "mon"),
        (#"{"routes": [{"match": {}}]}"#, "name"), (#"{"severity": {"warning": 0.9, "critical": 0.5}}"#, "severity"),
        (#"{"inhibitions": [{"source": {}, "target": {}, "seconds": 0}]}"#, "seconds"),
    ]) func aBadPolicySaysWhatIsWrong(json: String, mention: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try Self.policy(json) }
        #expect(error?.description.contains(mention) == true, "\(error?.description ?? "")")
    }

    /// However requests come, no window sees more than the limit.
    @Test(arguments: [
        RateLimit(count: 1, seconds: 1, burst: 1), RateLimit(count: 5, seconds: 2, burst: 1),
        RateLimit(count: 30, seconds: 60, burst: 5), RateLimit(count: 20, seconds: 60, burst: 5),
    ]) func noWindowSeesMoreThanItsLimit(limit: RateLimit) {
        var random = SplitMix64(testSeed: testSeed)
        var bucket = TokenBucket(limit)
        var now: Int64 = 0
        var sent: [Int64] = []
        for _ in 0..<2_000 {
            // At times eager, at times idle for long.
            now += Int.random(in: 0..<50, using: &random) == 0 ? Int64(limit.seconds * 2e9) : 0
            now += Int64.random(in: 0...200_000_000, using: &random)
            let delay = bucket.delay(at: now)
            if Bool.random(using: &random) { now += delay } else if delay > 0 { continue }
            #expect(bucket.delay(at: now) == 0)
            bucket.take(at: now)
            sent.append(now)
        }
        let window = Int64(limit.seconds * 1e9)
        // A pair exactly a window apart is not within one; a nanosecond is rounding.
        let worst =
            sent.indices.map { first in sent[first...].prefix { $0 - sent[first] < window - 1 }.count }.max() ?? 0
        #expect(worst <= limit.count && worst >= min(limit.count, 1))
    }

    @Test func aBreakerOpensAndProbes() {
        var breaker = CircuitBreaker()
        var now: Int64 = 0
        for _ in 0..<CircuitBreaker.failureLimit - 1 { breaker.fail(isFatal: false, at: now) }
        #expect(!breaker.isOpen && breaker.delay(at: now) == 0)
        breaker.fail(isFatal: false, at: now)
        #expect(breaker.isOpen)
        for _ in 0..<10 {
            let delay = breaker.delay(at: now)
            #expect(delay >= Self.second && delay <= 61 * Self.second)
            now += delay
            #expect(breaker.delay(at: now) == 0)
            breaker.fail(isFatal: false, at: now)
        }
        breaker.succeed()
        #expect(!breaker.isOpen && breaker.delay(at: now) == 0)
        breaker.fail(isFatal: true, at: now)
        #expect(breaker.isOpen)
    }
}
