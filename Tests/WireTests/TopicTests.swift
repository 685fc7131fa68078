import Microstructure
import Testing

@testable import Wire

@Suite struct TopicTests {
    @Test func spellsTheContract() {
        #expect(Topic.tick(.binance, "BTCUSDT", .book).description == "tick.binance.BTCUSDT.book|")
        #expect(Topic.feature(venue: "binance", symbol: "BTCUSDT").description == "feature.binance.BTCUSDT|")
        #expect(
            Topic.featureSchema(venue: "binance", symbol: "BTCUSDT").description == "feature.binance.BTCUSDT.schema|")
        #expect(
            Topic.signal(venue: "binance", symbol: "BTCUSDT", type: "drift").description
                == "signal.binance.BTCUSDT.drift|")
    }

    @Test(arguments: [
        "tick.binance.BTCUSDT.trade|", "feature.binance.ETHUSDT|", "feature.binance.ETHUSDT.schema|",
        "signal.binance.BTCUSDT.regime_change|", "tick.binance.这是测试币456.book|",
        "signal.\(String(repeating: "v", count: 32)).\(String(repeating: "𠀀", count: 32)).\(String(repeating: "s", count: 32))|",
    ])
    func readsWhatItWrites(text: String) throws {
        let topic = try #require(Topic(Array(text.utf8)))
        #expect(topic.description == text)
    }

    @Test(arguments: [
        "", "|", "tick.binance.BTCUSDT.book", "tick.binance.BTCUSDT.nonsense|", "tick.binance.BTCUSDT|",
        "feature.a.b.c|",
        "signal.a.b|", "signal..b.c|", "signal.a.b.c|d|", "other.a.b|", "tick.binance.BTCUSDT.book.more|",
        "signal.a.\(String(repeating: "x", count: 300)).c|",
    ])
    func refusesOthers(text: String) {
        #expect(Topic(Array(text.utf8)) == nil)
    }

    @Test func refusesBytesThatAreNotText() {
        #expect(Topic([0x74, 0xFF, 0xFE, UInt8(ascii: "|")]) == nil)
    }

    /// The reason for the bar: a prefix subscription to BTCUSD must not deliver BTCUSDT.
    @Test(arguments: [Topic.Kind.tick, .feature, .signal, .detector])
    func prefixOfOneSymbolMatchesNoOther(kind: Topic.Kind) {
        let long: Topic =
            switch kind {
            case .tick: .tick(.binance, "BTCUSDT", .book)
            case .feature: .feature(venue: "binance", symbol: "BTCUSDT")
            case .signal: .signal(venue: "binance", symbol: "BTCUSDT", type: "drift")
            case .detector: .detector(venue: "binance", symbol: "BTCUSDT")
            }
        #expect(!long.description.hasPrefix(Topic.prefix(kind, venue: "binance", symbol: "BTCUSD")))
        #expect(long.description.hasPrefix(Topic.prefix(kind, venue: "binance", symbol: "BTCUSDT")))
    }
}
