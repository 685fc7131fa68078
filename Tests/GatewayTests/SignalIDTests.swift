import Detection
import Microstructure
import Testing

@testable import Gateway

/// Ids of signals from the bus go into lines of streams and into addresses.
@Suite struct SignalIDTests {
    private typealias Intake = SignalIntake<SQLiteSignalRepository>

    @Test(arguments: ["BTCUSDT", "这是测试币456", String(repeating: "币", count: SymbolName.lengthLimit)])
    func idsOfEverySymbolAreUsable(symbol: String) throws {
        let type = try #require(SignalType(rawValue: "drift"))
        let id = Signal.makeID(detected: Timestamp(nanoseconds: 1_700_000_000_000_000_000), symbol: symbol, type: type)
        #expect(Intake.isUsable(id: id) && Intake.isUsable(id: id + "-0123456789abcdef"))
    }

    @Test(arguments: [
        "", "a b", "a\n", "a\u{0}", "a\u{7F}", "币\u{2028}", "币\u{202E}", String(repeating: "a", count: 161),
    ])
    func othersAreNot(id: String) { #expect(!Intake.isUsable(id: id)) }
}
