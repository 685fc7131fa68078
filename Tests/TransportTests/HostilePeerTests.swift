import Microstructure
import TestSupport
import Testing

@testable import Transport

extension TransportTests {
    /// A server must survive whatever comes over a socket, and serve others meanwhile.
    struct HostilePeerTests {
        let loop: EventLoop
        let site: Site
        let server: Server
        let inside = Recorder()
        init() throws {
            // Half a request is given up soon.
            var options = EventLoop.Options()
            options.handshakeTimeoutSeconds = 1
            loop = try EventLoop(options)
            site = Site(webSocket: inside)
            server = try loop.listen(ServerOptions(), delegate: site)
        }

        /// The server still answers properly.
        private func isAlive() throws -> Bool {
            let raw = try RawSocket(port: server.port)
            raw.send("GET /alive HTTP/1.1\r\nHost: x\r\n\r\n")
            return run(loop) { raw.text.hasPrefix("HTTP/1.1 200 ") }
        }

        @Test(arguments: [
            "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /../../etc/passwd HTTP/1.1\r\n\r\n",
            "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}",
            "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /?\(String(repeating: "a=b&", count: 1_500)) HTTP/1.1\r\n\r\n",
            "GET /\(String(repeating: "x", count: 60_000)) HTTP/1.1\r\n\r\n",
        ])
        func malformedRequests(request: String) throws {
            let raw = try RawSocket(port: server.port)
            raw.send(request)
            raw.finishSending()
            #expect(run(loop) { raw.hasEnded }, "\(request.prefix(60))")
            #expect(try isAlive())
        }

        @Test func brokenFrames() throws {
            let frames: [(String, [UInt8])] = [
                ("reserved opcode", Frame.encode(.reserved, [1])),
                ("fragmented ping", Frame.encode(.ping, [1], isFinal: false)),
                ("continuation of nothing", Frame.encode(.continuation, [1])),
                ("text inside text", Frame.encode(.text, [1], isFinal: false) + Frame.encode(.text, [2])),
                ("long ping", [0x89, 0xfe, 0xff, 0xff, 0, 0, 0, 0]),
                ("reserved bits", [0xf1, 0x81, 0, 0, 0, 0, 0]),
                ("length with the top bit", [0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]),
                ("length of 2^62", [0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5]),
                ("unmasked length of zero in 16 bits", [0x82, 0x7e, 0, 0, 1, 2, 3]),
                ("close with one byte", [0x88, 0x81, 0, 0, 0, 0, 3]),
            ]
            for (name, bytes) in frames {
                let raw = try RawSocket(port: server.port)
                raw.send(RawSocket.upgradeRequest())
                #expect(run(loop) { raw.text.contains("101") })
                let (opened, closed) = (inside.opened.count, inside.closes.count)
                raw.send(bytes)
                raw.finishSending()
                #expect(run(loop) { raw.hasEnded && inside.closes.count == closed + 1 }, "\(name)")
                #expect(inside.opened.count == opened)
            }
            #expect(inside.messages.isEmpty)
            #expect(try isAlive())
        }

        @Test func connectionsThatEndInEveryPhase() throws {
            let request = Array(RawSocket.upgradeRequest().utf8) + Frame.encode(.text, "hello")
            for length in stride(from: 0, through: request.count, by: 7) {
                for isReset in [false, true] {
                    let raw = try RawSocket(port: server.port)
                    if isReset { raw.resetOnClose() }
                    raw.send(Array(request[..<length]))
                    loop.runOnce(timeoutMilliseconds: 1)
                }
            }
            #expect(run(loop) { server.connectionCount == 0 })
            #expect(inside.closes.count == inside.opened.count)
            #expect(try isAlive())
        }

        @Test func randomBytes() throws {
            var generator = SplitMix64(testSeed: testSeed)
            for round in 0..<300 {
                let raw = try RawSocket(port: server.port)
                if round % 2 == 1 { raw.send(RawSocket.upgradeRequest()) }
                if round % 4 == 0 { raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n") }
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    raw.send(
                        (0..<Int.random(in: 1...200, using: &generator)).map { _ in
                            UInt8.random(in: 0 ... .max, using: &generator)
                        })
                    loop.runOnce(timeoutMilliseconds: 0)
                }
            }
            #expect(run(loop) { server.connectionCount == 0 })
            #expect(inside.closes.count == inside.opened.count)
            #expect(try isAlive())
        }

        @Test func mutatedRequests() throws {
            var generator = SplitMix64(testSeed: testSeed)
            let originals = [
                "GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
                "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbodyGET / HTTP/1.1\r\n\r\n",
                RawSocket.upgradeRequest(path: "/x?y=z"),
            ]
            .map { Array($0.utf8) }
            for _ in 0..<600 {
                var bytes = originals[Int.random(in: 0..<originals.count, using: &generator)]
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[place] = .random(in: 0 ... .max, using: &generator)
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(.random(in: 0 ... .max, using: &generator), at: place)
                    }
                }
                let raw = try RawSocket(port: server.port)
                raw.send(bytes)
                loop.runOnce(timeoutMilliseconds: 0)
                loop.runOnce(timeoutMilliseconds: 0)
            }
            #expect(run(loop) { server.connectionCount == 0 })
            #expect(try isAlive())
        }

        @Test func clientSurvivesAHostileServer() throws {
            let answers: [[UInt8]] = [
                [], Array("garbage\r\n\r\n".utf8), Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8),
                Array("HTTP/1.1 101 Switching Protocols\r\n\r\n".utf8),
                Array(
                    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Accept: wrong\r\n\r\n").utf8),
                Array("HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:1/\r\n\r\n".utf8),
                Array(("HTTP/1.1 101 X\r\n" + String(repeating: "X-Y: z\r\n", count: 2_000)).utf8),
            ]
            for answer in answers {
                let port = try SilentPort()
                let client = Recorder()
                var request = WebSocketRequest(url: "ws://127.0.0.1:\(port.port)/")
                request.connectTimeoutMilliseconds = 2_000
                _ = loop.connect(request, delegate: client)
                do {
                    let peer = try #require(HandMadeServer(port, loop, answer: answer))
                    for _ in 0..<20 { loop.runOnce(timeoutMilliseconds: 2) }
                    #expect(peer.descriptor >= 0)
                }
                #expect(run(loop) { client.closes.count == 1 }, "\(String(decoding: answer, as: UTF8.self).prefix(40))")
                #expect(client.opened.isEmpty)
            }
        }
    }
}
