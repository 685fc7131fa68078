import Testing

@testable import Transport

extension TransportTests {
    struct WebSocketTests {
        let loop: EventLoop
        init() throws { loop = try EventLoop() }

        private func serve(_ delegate: Recorder, _ change: (inout ServerOptions) -> Void = { _ in }) throws -> Server {
            var options = ServerOptions()
            change(&options)
            return try loop.listen(options, delegate: Site(webSocket: delegate))
        }

        private func connect(
            _ server: Server, _ delegate: Recorder, path: String = "/",
            _ change: (inout WebSocketRequest) -> Void = { _ in }
        ) -> WebSocketConnection {
            var request = WebSocketRequest(url: "ws://127.0.0.1:\(server.port)\(path)")
            change(&request)
            return loop.connect(request, delegate: delegate)
        }

        @Test func echoesTextAndBinaryOfEverySize() throws {
            let server = try serve(.echo())
            let client = Recorder()
            let connection = connect(server, client) { $0.maxQueuedBytes = 8 << 20 }
            #expect(!connection.isOpen, "nothing happens inside connect")
            #expect(run(loop) { connection.isOpen })
            let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000, 1 << 20]
            for size in sizes {
                #expect(connection.send(pattern(size), kind: .binary) == .queued)
                #expect(connection.send(text: String(repeating: "ä", count: size / 2)) == .queued)
                #expect(run(loop) { client.messages.count == 2 })
                #expect(client.messages.first?.bytes == pattern(size), "\(size) bytes")
                #expect(client.messages.first?.kind == .binary)
                #expect(client.messages.last?.bytes == Array(String(repeating: "ä", count: size / 2).utf8))
                #expect(client.messages.last?.kind == .text)
                client.messages = []
            }
            #expect(client.closes.isEmpty)
        }

        @Test func keepsTheOrderOfManyMessages() throws {
            let server = try serve(.echo())
            let client = Recorder()
            let connection = connect(server, client)
            #expect(run(loop) { connection.isOpen })
            for index in 0..<5_000 { #expect(connection.send(text: "message \(index)") == .queued) }
            #expect(run(loop) { client.messages.count == 5_000 })
            #expect(client.texts == (0..<5_000).map { "message \($0)" })
        }

        @Test func putsFragmentsTogetherAroundControlFrames() throws {
            let recorder = Recorder()
            let server = try serve(recorder)
            let raw = try RawSocket(port: server.port)
            raw.send(RawSocket.upgradeRequest())
            #expect(run(loop) { raw.text.contains("\r\n\r\n") })
            raw.clear()
            raw.send(Frame.encode(.text, "one ", isFinal: false))
            raw.send(Frame.encode(.ping, "still there?"))
            raw.send(Frame.encode(.continuation, "two ", isFinal: false))
            raw.send(Frame.encode(.continuation, "", isFinal: false))
            raw.send(Frame.encode(.continuation, "three"))
            raw.send(Frame.encode(.text, "next"))
            #expect(run(loop) { recorder.messages.count == 2 })
            #expect(recorder.texts == ["one two three", "next"])
            #expect(run(loop) { raw.text.contains("still there?") }, "the ping is answered with its payload")
            #expect(raw.received.first == 0x8a)
        }

        @Test func bytesOneByOneMakeTheSameMessage() throws {
            let recorder = Recorder()
            let server = try serve(recorder)
            let raw = try RawSocket(port: server.port)
            for byte in RawSocket.upgradeRequest().utf8 {
                raw.send([byte])
                loop.runOnce(timeoutMilliseconds: 0)
            }
            #expect(run(loop) { raw.text.contains("101") })
            for byte in Frame.encode(.binary, pattern(300)) {
                raw.send([byte])
                loop.runOnce(timeoutMilliseconds: 0)
            }
            #expect(run(loop) { !recorder.messages.isEmpty })
            #expect(recorder.messages.first?.bytes == pattern(300))
        }

        @Test(arguments: [1_000, 1_001, 300_000])
        func messageAboveTheLimitEndsTheConnection(size: Int) throws {
            let inside = Recorder()
            let server = try serve(inside) { $0.maxFrameBytes = 1_000 }
            let client = Recorder()
            let connection = connect(server, client)
            #expect(run(loop) { connection.isOpen })
            #expect(connection.send(pattern(size), kind: .binary) == .queued)
            if size == 1_000 {
                #expect(run(loop) { inside.messages.count == 1 })
                return
            }
            #expect(run(loop) { inside.closes.count == 1 && client.closes.count == 1 })
            #expect(inside.closes == [.tooLarge(limitBytes: 1_000)])
            #expect(client.closes == [.closedByPeer(code: 1009, reason: "message too big")])
            #expect(inside.messages.isEmpty)
        }

        @Test func clientRefusesAMessageAboveItsLimitAlsoInFragments() throws {
            let inside = Recorder()
            let server = try serve(inside)
            let client = Recorder()
            let connection = connect(server, client) { $0.maxFrameBytes = 100_000 }
            #expect(run(loop) { inside.opened.count == 1 && connection.isOpen })
            #expect(inside.opened[0].send(pattern(100_000), kind: .binary) == .queued)
            #expect(inside.opened[0].send(pattern(100_001), kind: .binary) == .queued)
            #expect(run(loop) { client.closes.count == 1 && inside.closes.count == 1 })
            #expect(client.messages.count == 1)
            #expect(client.closes == [.tooLarge(limitBytes: 100_000)])
        }

        @Test func pingsAreAnsweredInBothDirections() throws {
            let inside = Recorder()
            let server = try serve(inside)
            let client = Recorder()
            let connection = connect(server, client)
            #expect(run(loop) { connection.isOpen && inside.opened.count == 1 })
            connection.ping()
            inside.opened[0].ping()
            #expect(run(loop) { client.pongs == 1 && inside.pongs == 1 })
            #expect(connection.pingsSent == 1 && connection.pongsReceived == 1)
            #expect(inside.opened[0].pingsSent == 1 && inside.opened[0].pongsReceived == 1)
        }

        @Test func regularPingsKeepAQuietConnection() throws {
            let server = try serve(Recorder())
            let client = Recorder()
            let connection = connect(server, client) {
                $0.pingIntervalMilliseconds = 10
                $0.pongTimeoutMilliseconds = 5_000
            }
            #expect(run(loop) { connection.pongsReceived >= 5 })
            #expect(client.closes.isEmpty)
        }

        @Test func silentPeerTimesOutAfterAPing() throws {
            // Upgrades like a server and then never says anything again.
            let port = try SilentPort()
            let client = Recorder()
            var request = WebSocketRequest(url: "ws://127.0.0.1:\(port.port)/")
            request.pingIntervalMilliseconds = 20
            request.pongTimeoutMilliseconds = 100
            let connection = loop.connect(request, delegate: client)
            let peer = try #require(HandMadeServer(port, loop))
            #expect(run(loop) { connection.isOpen })
            #expect(run(loop) { client.closes.count == 1 })
            #expect(client.closes == [.timedOut(.pong)])
            #expect(peer.descriptor >= 0)
        }

        @Test(arguments: [(1000, "bye"), (1001, ""), (3000, "own"), (4999, "last")] as [(UInt16, String)])
        func closeCodesArrive(code: UInt16, reason: String) throws {
            let inside = Recorder()
            let server = try serve(inside)
            let client = Recorder()
            let connection = connect(server, client)
            #expect(run(loop) { connection.isOpen })
            connection.close(code: code, reason: reason)
            #expect(connection.send(text: "late") == .closed)
            #expect(run(loop) { inside.closes.count == 1 && client.closes.count == 1 })
            #expect(inside.closes == [.closedByPeer(code: code, reason: reason)])
            #expect(client.closes == [.closedLocally])
            #expect(connection.send(text: "after the end") == .closed)
        }

        @Test func serverClosesAfterItsLastMessages() throws {
            let inside = Recorder()
            inside.onOpen = { connection in
                for index in 0..<100 { _ = connection.send(text: "\(index)") }
                connection.close(code: 4001, reason: "done")
            }
            let server = try serve(inside)
            let client = Recorder()
            _ = connect(server, client)
            #expect(run(loop) { inside.closes.count == 1 && client.closes.count == 1 })
            #expect(client.texts == (0..<100).map(String.init))
            #expect(client.closes == [.closedByPeer(code: 4001, reason: "done")])
            #expect(inside.closes == [.closedLocally])
        }

        @Test func abortLooksLikeALostConnection() throws {
            let inside = Recorder()
            let server = try serve(inside)
            let client = Recorder()
            let connection = connect(server, client)
            #expect(run(loop) { connection.isOpen && inside.opened.count == 1 })
            inside.opened[0].abort()
            #expect(run(loop) { inside.closes.count == 1 && client.closes.count == 1 })
            #expect(client.closes == [.closedByPeer(code: 1006, reason: "")])
            #expect(inside.closes == [.closedLocally])
        }

        @Test func abortFromEveryCallbackIsSafe() throws {
            let inside = Recorder()
            inside.onOpen = { $0.abort() }
            let server = try serve(inside)
            for _ in 0..<20 {
                let client = Recorder()
                client.onOpen = { connection in
                    _ = connection.send(text: "never mind")
                    connection.abort()
                    connection.close()
                    connection.abort()
                }
                _ = connect(server, client)
                #expect(run(loop) { client.closes.count == 1 })
            }
            #expect(run(loop) { inside.closes.count == 20 })
        }

        @Test func abortBeforeTheFirstRoundIsReported() throws {
            let server = try serve(Recorder())
            let client = Recorder()
            let connection = connect(server, client)
            connection.abort()
            #expect(client.closes.isEmpty)
            #expect(run(loop) { client.closes == [.closedLocally] })
            #expect(client.opened.isEmpty)
        }

        @Test func endOfTheLoopClosesEverything() throws {
            let inside = Recorder()
            let client = Recorder()
            let neverStarted = Recorder()
            var connection: WebSocketConnection?
            do {
                let loop = try EventLoop()
                let server = try loop.listen(ServerOptions(), delegate: Site(webSocket: inside))
                connection = loop.connect(WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/"), delegate: client)
                #expect(run(loop) { inside.opened.count == 1 && client.opened.count == 1 })
                _ = loop.connect(WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/"), delegate: neverStarted)
            }
            #expect(inside.closes == [.closedLocally])
            #expect(client.closes == [.closedLocally])
            #expect(neverStarted.closes == [.closedLocally])
            #expect(connection?.send(text: "nobody") == .closed)
            connection?.ping()
            connection?.abort()
        }

        @Test func upgradeCarriesPathQueryHeadersAndSubprotocol() throws {
            let inside = Recorder()
            let site = Site(webSocket: inside)
            var options = ServerOptions()
            options.subprotocols = ["market.v1"]
            options.customHeaders = ["X-Token"]
            let server = try loop.listen(options, delegate: site)
            let client = Recorder()
            let connection = connect(server, client, path: "/stream/a%20b?streams=btcusdt@depth/btcusdt@trade&x=%26") {
                $0.subprotocol = "market.v1"
                $0.headers = [("X-Token", "t-1"), ("User-Agent", "test/1")]
            }
            #expect(run(loop) { inside.opened.count == 1 && connection.isOpen })
            let upgrade = try #require(site.upgrades.first)
            #expect(upgrade.path == "/stream/a b")
            #expect(upgrade.query("streams") == "btcusdt@depth/btcusdt@trade")
            #expect(upgrade.query("x") == "&")
            #expect(upgrade.header("x-token") == "t-1")
            #expect(upgrade.header("USER-AGENT") == "test/1")
            #expect(inside.opened.first?.path == "/stream/a b")
            #expect(inside.opened.first?.query.first?.value == "btcusdt@depth/btcusdt@trade")
            #expect(connection.path == "/stream/a%20b")
        }

        @Test func theLongestTargetArrivesWhole() throws {
            let inside = Recorder()
            let site = Site(webSocket: inside)
            let server = try loop.listen(ServerOptions(), delegate: site)
            let path = "/" + String(repeating: "x", count: WebSocketRequest.longestTarget - 1)
            let connection = connect(server, Recorder(), path: path)
            #expect(run(loop) { inside.opened.count == 1 && connection.isOpen })
            #expect(site.upgrades.first?.path == path)
        }

        @Test func refusedUpgradeHasItsStatus() throws {
            let site = Site()
            site.onUpgrade = { .refuse(status: $0.path == "/secret" ? 401 : 404) }
            let server = try loop.listen(ServerOptions(), delegate: site)
            for (path, status) in [("/secret", 401), ("/other", 404)] {
                let client = Recorder()
                _ = connect(server, client, path: path)
                #expect(run(loop) { client.closes.count == 1 })
                guard case .failed(let message, let found) = client.closes.first else {
                    Issue.record("\(client.closes)")
                    continue
                }
                #expect(found == status, "\(message)")
                #expect(!message.isEmpty)
                #expect(client.opened.isEmpty)
            }
        }

        @Test func unwantedSubprotocolIsRefused() throws {
            let server = try serve(Recorder())
            let client = Recorder()
            _ = connect(server, client) { $0.subprotocol = "unknown" }
            #expect(run(loop) { client.closes.count == 1 })
            #expect(client.opened.isEmpty)
        }

        @Test func connectionRefusedIsOneTypedClose() throws {
            let client = Recorder()
            _ = loop.connect(WebSocketRequest(url: "ws://127.0.0.1:\(try closedPort())/"), delegate: client)
            #expect(run(loop) { !client.closes.isEmpty })
            guard case .failed = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
            loop.runOnce(timeoutMilliseconds: 50)
            #expect(client.closes.count == 1)
        }

        @Test func unknownNameIsOneTypedClose() throws {
            let client = Recorder()
            _ = loop.connect(WebSocketRequest(url: "ws://no-such-host.invalid/"), delegate: client)
            #expect(run(loop, seconds: 60) { !client.closes.isEmpty })
            guard case .failed(let message, nil) = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
            #expect(message.contains("no-such-host.invalid"))
            loop.runOnce(timeoutMilliseconds: 50)
            #expect(client.closes.count == 1)
        }

        @Test(arguments: [
            "", "http://x/", "ws://", "ws://:80/", "ws://a:b/", "ws://a:0/", "ws://a:65536/", "ws://u:p@h/",
            "ws://[::1]/",
            "ws://a b/", "ws://a/\r\nX: y", "ws://a/" + String(repeating: "x", count: WebSocketRequest.longestTarget),
        ])
        func malformedURLIsOneTypedClose(url: String) throws {
            let client = Recorder()
            _ = loop.connect(WebSocketRequest(url: url), delegate: client)
            #expect(client.closes.isEmpty)
            #expect(run(loop) { client.closes.count == 1 })
            guard case .failed(_, nil) = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
        }

        @Test func headerInjectionIsRefused() throws {
            let server = try serve(Recorder())
            let client = Recorder()
            _ = connect(server, client) { $0.headers = [("X-A", "b\r\nX-Evil: 1")] }
            #expect(run(loop) { client.closes.count == 1 })
            guard case .failed = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
        }

        @Test func serverThatNeverAnswersTimesOut() throws {
            let port = try SilentPort()
            let client = Recorder()
            var request = WebSocketRequest(url: "ws://127.0.0.1:\(port.port)/")
            request.connectTimeoutMilliseconds = 100
            _ = loop.connect(request, delegate: client)
            #expect(run(loop) { !client.closes.isEmpty })
            #expect(client.closes == [.timedOut(.connect)])
        }

        @Test func stoppedServerDropsItsConnectionsAndFreesItsPort() throws {
            let inside = Recorder()
            let server = try serve(inside)
            let client = Recorder()
            _ = connect(server, client)
            #expect(run(loop) { inside.opened.count == 1 && client.opened.count == 1 })
            server.stop()
            #expect(run(loop) { inside.closes.count == 1 && client.closes.count == 1 })
            #expect(inside.closes == [.closedLocally])
            #expect(client.closes == [.closedByPeer(code: 1006, reason: "")])
            let again = try serve(.echo()) { $0.port = server.port }
            #expect(again.port == server.port)
            let second = Recorder()
            _ = connect(again, second)
            #expect(run(loop) { second.opened.count == 1 })
        }
    }
}
