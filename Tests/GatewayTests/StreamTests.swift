@testable import Runtime
import Foundation
import NIOCore
import ServiceLifecycle
import Testing

@testable import Gateway

extension GatewayTests {
    @Suite struct StreamTests {
        @Test func aHundredClientsGetEverySignalInOrder() async throws {
            try await Bench.run { bench in
                let clients = try (0..<100).map { _ in try StreamClient(port: bench.port) }
                for client in clients { #expect(try client.opened()) }
                #expect(metric(MetricName.streamClients) == 100)
                for number in 1...50 { try bench.publish(number) }
                let expected = (1...50).map { Bench.id($0) }
                for client in clients { #expect(try client.ids(50) == expected) }
                #expect(clients[0].connection.text.lowercased().contains("content-type: text/event-stream\r\n"))
            }
            #expect(eventually { metric(MetricName.streamClients) == 0 })
        }

        @Test func aClientResumesWhereItLeft() async throws {
            try await Bench.run { bench in
                for number in 1...20 { try bench.publish(number) }
                #expect(try bench.holds(20))
                let resumed = try StreamClient(port: bench.port, lastEventID: Bench.id(12))
                #expect(try resumed.ids(8) == (13...20).map { Bench.id($0) })
                for number in 21...25 { try bench.publish(number) }
                #expect(try resumed.ids(13) == (13...25).map { Bench.id($0) })
                #expect(!resumed.events.contains { $0.name == "gap" })

                let current = try StreamClient(port: bench.port, lastEventID: Bench.id(25))
                let new = try StreamClient(port: bench.port)
                #expect(try current.opened())
                #expect(try new.opened())
                try bench.publish(26)
                #expect(try current.ids(1) == [Bench.id(26)])
                #expect(try new.ids(1) == [Bench.id(26)])
            }
        }

        /// A stream of one market gets its signals only, the missed ones too.
        @Test func aStreamSelectsItsMarket() async throws {
            try await Bench.run { bench in
                for number in 1...4 { try bench.publish(number, venue: number % 2 == 0 ? "okx" : "kraken") }
                #expect(try bench.holds(4))
                let path = "/api/v1/signals/stream?symbol=btc-usdt&venue=okx"
                let resumed = try StreamClient(port: bench.port, path: path, lastEventID: Bench.id(1))
                let all = try StreamClient(port: bench.port)
                #expect(try resumed.ids(2) == [2, 4].map { Bench.id($0) })
                #expect(try all.opened())
                for number in 5...8 { try bench.publish(number, venue: number % 2 == 0 ? "okx" : "kraken") }
                #expect(try all.ids(4) == (5...8).map { Bench.id($0) })
                #expect(try resumed.ids(4) == [2, 4, 6, 8].map { Bench.id($0) })
                #expect(!resumed.events.contains { $0.name == "gap" })
                #expect(try ask(bench.port, "GET", "/api/v1/signals/stream?venue=OKX&seconds=0.05").status == 400)
            }
        }

        @Test func anIDThatIsNotHeldGivesAGapAndAllThatIs() async throws {
            try await Bench.run { bench in
                for number in 1...3 { try bench.publish(number) }
                #expect(try bench.holds(3))
                let client = try StreamClient(port: bench.port, lastEventID: "0-long-gone")
                #expect(try client.ids(3) == (1...3).map { Bench.id($0) })
                #expect(client.events.map(\.name) == ["gap", "signal", "signal", "signal"])
            }
        }

        /// Signals keep coming while clients come back: none is lost between the past and the live ones, none comes
        /// twice.
        @Test func resumingDuringTrafficIsExact() async throws {
            try await Bench.run { bench in
                try bench.publish(1)
                #expect(try bench.holds(1))
                var clients: [StreamClient] = []
                for number in 2...400 {
                    try bench.publish(number)
                    if number % 20 == 0 { clients.append(try StreamClient(port: bench.port, lastEventID: Bench.id(1))) }
                }
                let expected = (2...400).map { Bench.id($0) }
                for client in clients { #expect(try client.ids(399) == expected) }
            }
        }

        @Test func aClientThatDoesNotReadIsDropped() async throws {
            try await Bench.run { bench in
                let before = metric(MetricName.streamDropped)
                let slow = try StreamClient(port: bench.port, receiveBuffer: 4_096)
                #expect(try slow.opened())
                let reader = try StreamClient(port: bench.port)
                #expect(try reader.opened())
                reader.connection.clear()
                // More than the kernel's buffers for one connection hold, and the queue after that.
                var number = 0
                while metric(MetricName.streamDropped) == before, number < 40_000 {
                    for _ in 0..<200 {
                        number += 1
                        try bench.publish(number, padding: 4_000)
                    }
                    #expect(try reader.connection.read { $0.received.count(of: "\nevent: signal\n") >= 200 })
                    reader.connection.clear()
                }
                #expect(metric(MetricName.streamDropped) == before + 1)
                #expect(eventually { metric(MetricName.streamClients) == 1 })
                // What the kernel held for it still arrives; then its connection is at an end.
                #expect(try slow.connection.read { $0.isAtEnd })
                // It comes back and finds what it missed, as far as that is held.
                let last = try #require(slow.events.last?.id)
                let again = try StreamClient(port: bench.port, lastEventID: last)
                #expect(try again.connection.read { $0.text.contains("id: \(Bench.id(number))\n") })
            }
        }

        @Test func aClientThatLeavesFreesItsPlace() async throws {
            try await Bench.run { bench in
                for _ in 0..<10 {
                    let client = try StreamClient(port: bench.port)
                    #expect(try client.opened())
                    #expect(eventually { metric(MetricName.streamClients) == 1 })
                    withExtendedLifetime(client) {}
                }
                #expect(eventually { metric(MetricName.streamClients) == 0 })
                #expect(try ask(bench.port, "HEAD", "/api/v1/signals/stream").status == 200)
                #expect(eventually { metric(MetricName.streamClients) == 0 })
            }
        }

        @Test func streamsEndWithTheProcess() async throws {
            try await Bench.run { bench in
                let clients = try (0..<50).map { _ in try StreamClient(port: bench.port) }
                for client in clients { #expect(try client.opened()) }
                let stuck = try StreamClient(port: bench.port, receiveBuffer: 4_096)
                #expect(try stuck.opened())
                let half = try Connection(port: bench.port)
                try half.send(
                    "POST /api/v1/signals HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Le")
                let idle = try Connection(port: bench.port)
                try idle.sendRequest("GET", "/health")
                #expect(try idle.answer().status == 200)
                for number in 1...30 { try bench.publish(number) }
                for client in clients { #expect(try client.ids(30).count == 30) }
                for number in 31...900 { try bench.publish(number, padding: 10_000) }
                #expect(try bench.stop(within: 20))
                for client in clients { #expect(try client.connection.read { $0.isAtEnd }) }
                #expect(try stuck.connection.read { $0.isAtEnd })
            }
        }

        @Test func heartbeatsComeOnTime() async throws {
            let hub = SignalHub()
            let subscription = try #require(hub.subscribe {})
            let beating = Task { try await StreamHeartbeat(hub: hub, interval: .milliseconds(5)).run() }
            var events = subscription.events.makeAsyncIterator()
            for _ in 0..<3 { #expect(await events.next()?.bytes == ByteBuffer(string: ": heartbeat\n\n")) }
            beating.cancel()
            try await beating.value
            #expect(StreamHeartbeat.intervalSeconds == 15)
        }

        @Test func theNumberOfStreamsIsLimited() throws {
            let hub = SignalHub()
            var subscriptions = try (0..<SignalHub.streamLimit).map { _ in try #require(hub.subscribe {}) }
            #expect(hub.subscribe {} == nil)
            subscriptions.removeLast()
            #expect(hub.subscribe {} != nil)
            #expect(hub.streamCount == SignalHub.streamLimit - 1)
        }

        @Test func aFullQueueDropsItsStreamAndNoOther() async throws {
            let hub = SignalHub()
            let (drops, report) = AsyncStream<Void>.makeStream()
            let slow = try #require(hub.subscribe { report.yield() })
            for _ in 0..<SignalHub.queueLimit { hub.broadcast(.heartbeat) }
            let fresh = try #require(hub.subscribe { Issue.record("the fresh stream was dropped") })
            hub.broadcast(.heartbeat)
            var dropped = drops.makeAsyncIterator()
            #expect(await dropped.next() != nil)
            #expect(hub.streamCount == 1)
            var count = 0
            for await _ in slow.events { count += 1 }
            #expect(count == SignalHub.queueLimit)
            withExtendedLifetime(fresh) {}
        }
    }
}
