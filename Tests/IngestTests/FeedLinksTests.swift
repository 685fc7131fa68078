@testable import Ingest
@testable import Runtime
import Logging
import Testing
import Transport
import Venues

@testable import Bus
@testable import Ingest
@testable import Runtime
import TestSupport

/// Connections replaced against a server each of whose connections delivers or is silent, as the test says.
@Suite struct FeedLinksTests {
    /// Sends a frame every 20 ms on the connections that talk, in the order in which they come.
    private final class Exchange: ServerDelegate, WebSocketDelegate {
        let talks: [Bool]
        var connections: [WebSocketConnection] = []
        let loop: EventLoop

        /// Reads nothing from its first connection, so that pings are not answered.
        let isDeaf: Bool

        init(talks: [Bool], isDeaf: Bool = false, loop: EventLoop) {
            self.talks = talks
            self.isDeaf = isDeaf
            self.loop = loop
        }

        func didReceive(_ request: ServerRequest, responder: HTTPResponder) { responder.respond(status: 404, text: "") }
        func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision { .accept(self) }

        func didOpen(_ connection: WebSocketConnection) {
            connections.append(connection)
            if isDeaf, connections.count == 1 { connection.stopReading() }
            // Those beyond the list are as the last.
            if talks[min(connections.count, talks.count) - 1] { talk(on: connection) }
        }

        private func talk(on connection: WebSocketConnection) {
            guard connection.send(text: "{}") == .queued else { return }
            loop.schedule(afterMilliseconds: 20) { [weak self] in self?.talk(on: connection) }
        }

        func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {}
        func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {}
    }

    /// An owner whose instruments never hand over: an illiquid market.
    private final class Owner: FeedLinksOwner {
        var received: [Int: Int] = [:]
        func linkOpened(_ id: ConnectionID, isReplacement: Bool) {}
        func linkClosed(_ id: ConnectionID) {}
        func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int { 1 }
    }

    private static func configuration() async throws -> IngestConfiguration {
        var settings = try await Settings(scope: "ingest", file: nil, environment: [:])
        return try IngestCommand.parse([
            "--overlap", "0.2", "--reconnect-delay", "0.05", "--max-reconnect-delay", "0.05",
        ]).decode(&settings).venues[0]
    }

    private func run(
        _ configuration: IngestConfiguration, talks: [Bool], until condition: (FeedLinks, Exchange, Owner) -> Bool
    ) throws -> Bool {
        var configuration = configuration
        let loop = try EventLoop(EventLoop.Options())
        let exchange = Exchange(talks: talks, loop: loop)
        let server = try loop.listen(ServerOptions(), delegate: exchange)
        configuration.webSocketURL = "ws://127.0.0.1:\(server.port)"
        configuration.leaseDirectory = nil
        let logger = Logger(label: "test")
        let links = FeedLinks(
            configuration,
            ConnectionPlan(target: "/ws", messageSpacingMilliseconds: 1, pingIntervalMilliseconds: 15_000), loop: loop,
            budget: ConnectBudget(configuration.endpoint.limits, path: nil, logger: logger), logger: logger)
        let owner = Owner()
        links.owner = owner
        links.receive = { _, id in owner.received[id.index, default: 0] += 1 }
        links.start()
        let end = HostClock.monotonicNanoseconds + 20_000_000_000
        while talks[0] ? owner.received[0, default: 0] < 3 : !links.isOpen, HostClock.monotonicNanoseconds < end {
            loop.runOnce(timeoutMilliseconds: 20)
        }
        links.rotate("a test")
        while !condition(links, exchange, owner), HostClock.monotonicNanoseconds < end {
            loop.runOnce(timeoutMilliseconds: 20)
        }
        let isMet = condition(links, exchange, owner)
        links.finish()
        server.stop()
        return isMet
    }

    @Test func aMuteConnectionReplacesNoneThatTalks() async throws {
        // The second is mute, so a third is opened, which talks.
        let configuration = try await Self.configuration()
        let isReplaced = try run(configuration, talks: [true, false, true]) { links, exchange, _ in
            #expect(links.rotations == 0 || exchange.connections.count == 3)
            return links.rotations == 1
        }
        #expect(isReplaced)
    }

    // MARK: A dead line and a quiet market

    /// A logger that keeps what it is told.
    private struct Lines: LogHandler {
        final class Store: @unchecked Sendable { var texts: [String] = [] }
        let store = Store()
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            store.texts.append("\(event.message) \(event.metadata ?? [:])")
        }
    }

    /// Ticks until `condition` holds; returns what was logged, or `nil` if it does not hold within 30 s.
    private func tick(
        _ configuration: IngestConfiguration, _ exchange: (EventLoop) -> Exchange,
        until condition: (FeedLinks, Exchange, Double) -> Bool
    ) throws -> [String]? {
        var configuration = configuration
        let loop = try EventLoop(EventLoop.Options())
        let exchange = exchange(loop)
        let server = try loop.listen(ServerOptions(), delegate: exchange)
        configuration.webSocketURL = "ws://127.0.0.1:\(server.port)"
        let lines = Lines()
        let logger = Logger(label: "test") { _ in lines }
        let links = FeedLinks(
            configuration,
            ConnectionPlan(target: "/ws", messageSpacingMilliseconds: 1, pingIntervalMilliseconds: 15_000), loop: loop,
            budget: ConnectBudget(configuration.endpoint.limits, path: nil, logger: logger), logger: logger)
        let owner = Owner()
        links.owner = owner
        links.start()
        let start = HostClock.monotonicNanoseconds
        var isMet = false
        while !isMet, HostClock.monotonicNanoseconds - start < 30_000_000_000 {
            loop.runOnce(timeoutMilliseconds: 50)
            links.tick(at: HostClock.monotonicNanoseconds)
            isMet = condition(links, exchange, Double(HostClock.monotonicNanoseconds - start) / 1e9)
        }
        links.finish()
        server.stop()
        return isMet ? lines.store.texts : nil
    }

    /// No message ever comes, but pings are answered: the market is quiet and the connection stays.
    @Test func aLineThatAnswersPingsIsKept() async throws {
        var configuration = try await Self.configuration()
        configuration.staleAfterSeconds = 2
        let lines = try tick(configuration, { Exchange(talks: [false], loop: $0) }) { links, exchange, seconds in
            seconds > 5 && links.isOpen && exchange.connections.count == 1
        }
        #expect(lines?.contains { $0.contains("mute") } == false, "\(lines ?? [])")
    }

    /// Pings are not answered: the connection is replaced, and the log names the setting that decided.
    @Test func aDeadLineIsReplaced() async throws {
        var configuration = try await Self.configuration()
        configuration.staleAfterSeconds = 2
        let lines = try tick(configuration, { Exchange(talks: [false], isDeaf: true, loop: $0) }) {
            links, exchange, _ in
            exchange.connections.count == 2 && links.reconnects == 1
        }
        let line = try #require(lines?.first { $0.contains("mute") })
        #expect(line.contains("--stale-after") && line.contains("2.0"), "\(line)")
    }

    @Test func inASilentMarketTheOverlapEndsAllTheSame() async throws {
        let configuration = try await Self.configuration()
        let isReplaced = try run(configuration, talks: [false, false]) { links, exchange, _ in
            links.rotations == 1 && exchange.connections.count == 2
        }
        #expect(isReplaced)
    }
}
