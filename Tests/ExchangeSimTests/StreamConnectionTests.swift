import Foundation
import Logging
import Microstructure
import Simulation
import Testing
import Transport

@testable import ExchangeSim

/// Heartbeats and counters of a connection, by a clock of the test's own.
@Suite struct StreamConnectionTests {
    private static let second: Int64 = 1_000_000_000

    private let exchange: ExchangeSimulator

    init() throws {
        exchange = try ExchangeSimulator(
            [], options: ExchangeSimulator.Options(), loop: EventLoop(EventLoop.Options()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func frame(_ text: String) -> MarketFrame {
        MarketFrame(
            stream: "BTCUSDT@depth", kind: .depth, due: 0, bytes: Array(text.utf8), payload: 0..<text.utf8.count)
    }

    @Test func aHeartbeatIsDueOncePerInterval() {
        var heartbeat = Heartbeat(interval: 10)
        #expect(
            [0, 9, 10, 11, 19, 20, 45, 46].map { heartbeat.isDue(at: $0) } == [
                false, false, true, false, false, true, true, false,
            ])
        var none = Heartbeat()
        #expect(!none.isDue(at: 0) && !none.isDue(at: .max))
    }

    /// A client that asked for heartbeats and answers no test is disconnected at the next one.
    @Test(arguments: [true, false]) func deribitEndsConnectionsThatAnswerNoTest(answers: Bool) throws {
        let connection = DeribitConnection()
        let client = SimulatedClient(connection, exchange)
        func receive(_ text: String) { connection.received(Data(text.utf8), from: client, at: 0) }
        receive(#"{"jsonrpc":"2.0","id":1,"method":"public/set_heartbeat","params":{"interval":10}}"#)
        for seconds in [0, 9, 10] { connection.advance(to: Int64(seconds) * Self.second, client) }
        #expect(!client.isLeaving)
        if answers { receive(#"{"jsonrpc":"2.0","id":2,"method":"public/test","params":{}}"#) }
        connection.advance(to: 20 * Self.second, client)
        #expect(client.isLeaving == !answers)
    }

    /// Answers and heartbeats have numbers as well: a frame that is not sent leaves a hole.
    @Test func coinbaseAdvancedNumbersEveryFrame() throws {
        let connection = CoinbaseAdvancedConnection()
        let client = SimulatedClient(connection, exchange)
        func number() throws -> Int? {
            let frame = connection.adapted(frame(#"{"channel":"l2_data","events":[]}"#), clockShiftMilliseconds: 0)
            let object = try JSONSerialization.jsonObject(with: Data(frame.bytes)) as? [String: Any]
            return object?["sequence_num"] as? Int
        }
        #expect(try number() == 0)
        #expect(try number() == 1)
        let request = Data(#"{"type":"subscribe","channel":"heartbeats"}"#.utf8)
        connection.received(request, from: client, at: 0)
        #expect(try number() == 3)
        connection.advance(to: 0, client)
        connection.advance(to: Self.second, client)
        #expect(try number() == 5)
    }
}
