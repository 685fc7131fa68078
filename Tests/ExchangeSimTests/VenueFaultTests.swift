@testable import ExchangeSim
@testable import Runtime
import Foundation
import Simulation
import Testing

@Suite struct VenueFaultTests {
    /// A venue has what its protocol can show; what it cannot is refused with its reason and what there is instead.
    @Test(
        arguments: [
            (.binance, .hole, nil), (.binance, .badChecksum, "sends no checksum"),
            (.kraken, .badChecksum, nil), (.kraken, .hole, "does not number"),
            (.kraken, .staleSnapshot, "late_snapshot"), (.coinbase, .zeroChecksum, "sends no checksum"),
            (.bybit, .restart, nil), (.okx, .restart, nil), (.okx, .zeroChecksum, "no other than 0"),
            (.bitstamp, .staleSnapshot, nil), (.bitstamp, .lateSnapshot, "stale_snapshot"),
            (.bitfinex, .restart, "numbers of its own"), (.bitfinex, .deaf, nil), (.bitstamp, .drop, nil),
        ] as [(ExchangeVenue, FaultKind, String?)])
    func aFaultIsTheVenuesOrRefused(venue: ExchangeVenue, kind: FaultKind, mention: String?) {
        let objection = venue.objection(to: kind)
        guard let mention else { return #expect(objection == nil) }
        #expect(objection?.hasPrefix("\(kind.rawValue): \(venue.rawValue) ") == true)
        #expect(objection?.contains(mention) == true)
    }

    @Test func aFaultFileOfAnotherVenueIsRefusedAtTheStart() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "faults-\(UUID().uuidString).json").path
        try Data(#"{"faults": [{"fault": "restart", "perMinute": 1}]}"#.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        func decode(_ venue: String) async throws {
            var settings = try await Settings(scope: "simulator", file: nil, environment: [:])
            _ = try ExchangeSimCommand.parse(["--venue", venue, "--faults", path]).decode(&settings)
        }
        try await decode("bybit")
        let error = await #expect(throws: ConfigurationError.self) { try await decode("kraken") }
        #expect(error?.setting == "--faults")
        #expect(error?.problem.contains("restart: kraken") == true)
    }

    private func frame(_ text: String, kind: StreamKind = .depth) -> MarketFrame {
        MarketFrame(
            stream: "BTCUSDT@depth", kind: kind, due: 0, bytes: Array(text.utf8), payload: 0..<text.utf8.count)
    }

    @Test func numbersAreChangedInPlace() {
        func text(_ frame: MarketFrame?) -> String { frame.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "none" }
        let message = frame(#"{"checksum":-187,"seqId":76,"prevSeqId":70}"#)
        #expect(message.number(after: #""seqId":"#) == 76 && message.number(after: #""u":"#) == nil)
        #expect(
            text(message.changingNumber(after: #""prevSeqId":"#) { $0 + 2 })
                == #"{"checksum":-187,"seqId":76,"prevSeqId":72}"#)
        #expect(
            text(message.changingChecksum(after: #""checksum":"#, Fault(.zeroChecksum)))
                == #"{"checksum":0,"seqId":76,"prevSeqId":70}"#)
        #expect(text(message.changingChecksum(after: #""checksum":"#, Fault(.badChecksum))).contains(":-188,"))
        // A zero in place of a zero is no fault.
        #expect(frame(#"{"checksum":0}"#).changingChecksum(after: #""checksum":"#, Fault(.zeroChecksum)) == nil)
        #expect(frame(#"{"u":"7"}"#).number(after: #""u":"#) == nil && frame(#"{"u":"#).number(after: #""u":"#) == nil)
    }

    @Test func aVenueThatCountsAnewGoesOnFromThere() {
        let numbers = Renumbering()
        func number(_ sent: Int64) -> Int64? {
            numbers.apply(to: frame(#"{"u":\#(sent)}"#), after: #""u":"#).number(after: #""u":"#)
        }
        #expect(number(1_007) == 1_007)
        numbers.renumber("BTCUSDT@depth", from: 1_007, to: 1)
        #expect(number(1_008) == 2)
        // Again: the number is the one that clients have.
        numbers.renumber("BTCUSDT@depth", from: 5, to: 1)
        #expect(number(1_012) == 2 && numbers.shift(of: "ETHUSDT@depth") == 0)
    }
}
