import Testing

@testable import Microstructure

/// One spelling of symbols for the bus, settings, files and URLs.
@Suite struct SymbolNameTests {
    @Test(
        arguments: [
            ("BTCUSDT", "BTCUSDT"), ("appc-btc", "APPCBTC"), ("APPC_BTC", "APPCBTC"), ("btc/usdt", "BTCUSDT"),
            // Documented by Binance, and listed by it.
            ("这是测试币456", "这是测试币456"), ("币安人生usdt", "币安人生USDT"), ("рубль-usdt", "РУБЛЬUSDT"),
            ("éclair", "ÉCLAIR"), ("ＢＴＣ", "ＢＴＣ"), ("हिन्दी", "हिन्दी"), ("straße", "STRAßE"),
            (String(repeating: "币", count: 32), String(repeating: "币", count: 32)),
        ]) func lettersOfEveryScriptAreTaken(text: String, symbol: String)
    {
        // Bytes, since texts that look the same are equal.
        #expect(SymbolName.normalized(text).map { Array($0.utf8) } == Array(symbol.utf8))
        #expect(SymbolName.normalized(symbol).map { Array($0.utf8) } == Array(symbol.utf8))
        #expect(symbol.utf8.count <= SymbolName.byteLimit)
    }

    @Test(
        arguments: [
            "", "-", "BTC.USDT", "BTC|USDT", "BTC USDT", "../BTC", "BTC\u{0}", "BTC\nUSDT", "币.安", "币|安", "币 安",
            "币\u{3000}安", "币\u{7}", "币\u{202E}安", "币\u{200B}安", "币\\安", "币\"安", "币@trade", "币{a}", "币，安", "／／",
            "\u{301}BTC", "币\u{FE0F}", "\u{3164}\u{3164}", "币\u{E000}", "币😀", String(repeating: "A", count: 33),
            String(repeating: "币", count: 33),
        ]) func whatCouldBreakATopicAPathOrALineIsRefused(text: String)
    {
        #expect(SymbolName.normalized(text) == nil)
    }

    @Test func bytesThatAreNoTextAreRefused() {
        for bytes: [UInt8] in [[0xFF], [0x42, 0xE5, 0xB8], [0xC0, 0xAF], [0xED, 0xA0, 0x80]] {
            #expect(SymbolName.normalized(bytes) == nil)
        }
    }
}
