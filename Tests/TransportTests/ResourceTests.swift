import Testing

@testable import Transport

extension TransportTests {
    struct ResourceTests {
        @Test func openingAndClosingLeaksNoDescriptor() throws {
            let loop = try EventLoop()
            let inside = Recorder()
            let site = Site(webSocket: inside)
            let server = try loop.listen(ServerOptions(), delegate: site)
            let client = try HTTPClient()
            defer { client.shutdown() }
            func cycle(_ index: Int) throws {
                let recorder = Recorder()
                let connection = loop.connect(
                    WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/"), delegate: recorder)
                #expect(run(loop) { connection.isOpen })
                if index % 2 == 0 { connection.close() } else { connection.abort() }
                #expect(run(loop) { recorder.closes.count == 1 && server.connectionCount == 0 })
                let failing = Recorder()
                _ = loop.connect(WebSocketRequest(url: "ws://127.0.0.1:1/"), delegate: failing)
                #expect(run(loop) { failing.closes.count == 1 })
                let raw = try RawSocket(port: server.port)
                raw.send("GET / HTTP/1.0\r\n\r\n")
                #expect(run(loop) { raw.hasEnded })
            }
            for index in 0..<10 { try cycle(index) }
            let before = openDescriptors()
            for index in 0..<200 { try cycle(index) }
            #expect(run(loop) { server.connectionCount == 0 })
            #expect(openDescriptors() == before)
            #expect(inside.opened.count == inside.closes.count)
        }

        @Test func loopsAndHTTPClientsLeakNoDescriptor() throws {
            func cycle() throws {
                let loop = try EventLoop()
                let server = try loop.listen(ServerOptions(), delegate: Site())
                let client = try HTTPClient()
                let outcome = Outcome()
                client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"), completion: outcome.set)
                #expect(run(loop) { outcome.isSet })
                client.shutdown()
            }
            for _ in 0..<3 { try cycle() }
            let before = openDescriptors()
            for _ in 0..<20 { try cycle() }
            #expect(openDescriptors() == before)
        }

        @Test func connectionsAndDelegatesAreReleased() throws {
            let loop = try EventLoop()
            let server = try loop.listen(ServerOptions(), delegate: Site(webSocket: Recorder()))
            weak var weakRecorder: Recorder?
            weak var weakConnection: WebSocketConnection?
            do {
                let recorder = Recorder()
                let connection = loop.connect(
                    WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/"), delegate: recorder)
                weakRecorder = recorder
                weakConnection = connection
                #expect(run(loop) { connection.isOpen })
                recorder.opened = []
                connection.close()
                #expect(run(loop) { recorder.closes.count == 1 })
            }
            #expect(run(loop) { weakRecorder == nil && weakConnection == nil })
        }

        @Test func peerThatStopsReadingFillsTheQueueAndNoMore() throws {
            let loop = try EventLoop()
            let inside = Recorder()
            var options = ServerOptions()
            options.maxQueuedBytes = 256 * 1024
            let server = try loop.listen(options, delegate: Site(webSocket: inside))
            let raw = try RawSocket(port: server.port)
            raw.send(RawSocket.upgradeRequest())
            #expect(run(loop) { inside.opened.count == 1 })
            let connection = inside.opened[0]
            let message = [UInt8](repeating: 7, count: 10_000)
            var sent = 0, refused = 0
            // The socket's own buffers take some megabytes; from then on the queue is full and stays full.
            for _ in 0..<5_000 {
                switch connection.send(message, kind: .binary) {
                case .queued: sent += 1
                case .full: refused += 1
                case .closed: Issue.record("closed")
                }
                loop.runOnce(timeoutMilliseconds: 0)
            }
            #expect(refused > 0)
            #expect(connection.bufferedBytes <= 256 * 1024)
            let (memory, drains) = (residentBytes(), inside.drains)
            for _ in 0..<20_000 { if connection.send(message, kind: .binary) == .queued { sent += 1 } }
            #expect(connection.bufferedBytes <= 256 * 1024)
            #expect(residentBytes() - memory < 50 << 20, "200 MB were offered")
            #expect(inside.drains == drains)
            // The peer reads again: everything that was queued arrives, and the producer is told to go on.
            let expected = sent * (message.count + 4)
            let head = raw.text.utf8.count
            var total = raw.received.count
            raw.clear()
            #expect(
                run(
                    loop,
                    until: {
                        raw.receive()
                        total += raw.received.count
                        raw.clear()
                        return total >= expected
                    }), "\(head) \(total) of \(expected)")
            #expect(inside.drains == drains + 1)
            #expect(connection.send(message, kind: .binary) == .queued)
        }

        @Test func closingAStuckConnectionEndsInTime() throws {
            let loop = try EventLoop()
            let inside = Recorder()
            let server = try loop.listen(ServerOptions(), delegate: Site(webSocket: inside))
            let raw = try RawSocket(port: server.port)
            raw.send(RawSocket.upgradeRequest())
            #expect(run(loop) { inside.opened.count == 1 })
            let message = [UInt8](repeating: 7, count: 100_000)
            var refused = 0
            while refused < 100 {
                if inside.opened[0].send(message, kind: .binary) == .full { refused += 1 }
                loop.runOnce(timeoutMilliseconds: 0)
            }
            inside.opened[0].close()
            #expect(run(loop) { inside.closes == [.closedLocally] })
            #expect(!raw.isEnded || raw.descriptor >= 0)
        }

        @Test func oneProducerFeedsManyReadersAtTheSpeedOfEach() throws {
            let loop = try EventLoop()
            var options = ServerOptions()
            options.maxQueuedBytes = 64 * 1024
            let producer = Producer(total: 2_000)
            let server = try loop.listen(options, delegate: Site(webSocket: producer))
            let readers = (0..<20).map { _ in Recorder() }
            for reader in readers {
                _ = loop.connect(WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/"), delegate: reader)
            }
            #expect(run(loop) { readers.allSatisfy { $0.messages.count == 2_000 } })
            for reader in readers { #expect(reader.texts.map { Int($0.prefix(6)) } == (0..<2_000).map { $0 }) }
        }
    }
}

/// Sends as fast as each connection takes it, and waits for `didDrain` when it does not.
private final class Producer: WebSocketDelegate {
    let total: Int
    var next: [UInt64: Int] = [:]

    init(total: Int) { self.total = total }

    private func pump(_ connection: WebSocketConnection) {
        while let index = next[connection.id], index < total {
            let number = String(index)
            let text = String(repeating: "0", count: 6 - number.count) + number + String(repeating: ".", count: 500)
            guard connection.send(text: text) == .queued else { return }
            next[connection.id] = index + 1
        }
    }

    func didOpen(_ connection: WebSocketConnection) {
        next[connection.id] = 0
        pump(connection)
    }

    func didDrain(_ connection: WebSocketConnection) { pump(connection) }
    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {}
    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {}
}
