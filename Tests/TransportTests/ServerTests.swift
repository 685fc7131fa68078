import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    struct ServerTests {
        let loop: EventLoop
        let site = Site()
        init() throws { loop = try EventLoop() }

        private func serve(_ change: (inout ServerOptions) -> Void = { _ in }) throws -> Server {
            var options = ServerOptions()
            change(&options)
            return try loop.listen(options, delegate: site)
        }

        /// Sends one request on a connection of its own and returns the whole answer once it is complete.
        private func exchange(_ server: Server, _ request: String, until complete: (String) -> Bool) throws -> String {
            let raw = try RawSocket(port: server.port)
            raw.send(request)
            #expect(run(loop) { complete(raw.text) || raw.hasEnded }, "\(request.prefix(200))")
            return raw.text
        }

        @Test func answersEveryMethod() throws {
            let server = try serve()
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let body = method == "GET" || method == "OPTIONS" ? "" : "body of \(method)"
                let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
                let answer = try exchange(
                    server, "\(method) /a/b HTTP/1.1\r\nHost: x\r\n\(length)\r\n\(body)",
                    until: { $0.contains("\r\n\r\n") && $0.hasSuffix(body) })
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(method): \(answer)")
                #expect(answer.contains("x-method: \(method)\r\n"))
                #expect(answer.contains("content-length: \(body.utf8.count)\r\n"))
                #expect(answer.hasSuffix("\r\n\r\n" + body))
                #expect(site.requests.last?.body == Array(body.utf8))
            }
        }

        @Test func headAnswersWithoutABody() throws {
            let server = try serve()
            site.onRequest = { $1.respond(status: 200, text: "twelve bytes") }
            let answer = try exchange(server, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", until: { $0.contains("\r\n\r\n") })
            #expect(answer.contains("content-length: 12\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }

        @Test func readsPathQueryAndHeaders() throws {
            let server = try serve { $0.customHeaders = ["X-MBX-APIKEY"] }
            _ = try exchange(
                server,
                "GET /api/v3/depth%20x?symbol=BTCUSDT&limit=1000&empty=&flag&q=a%3Db&m=%CC%81e%3D HTTP/1.1\r\nHost: x\r\n"
                    + "X-MBX-APIKEY: key\r\nAccept: a/b\r\n\r\n", until: { $0.contains("\r\n\r\n") })
            let request = try #require(site.requests.first)
            #expect(request.path == "/api/v3/depth x")
            #expect(request.query("symbol") == "BTCUSDT")
            #expect(request.query("limit") == "1000")
            #expect(request.query("empty") == "")
            #expect(request.query("flag") == "")
            #expect(request.query("q") == "a=b")
            // A value that begins with a combining mark.
            #expect(request.query("m") == "\u{301}e=")
            #expect(request.query("none") == nil)
            #expect(request.header("x-mbx-apikey") == "key")
            #expect(request.header("ACCEPT") == "a/b")
            #expect(request.header("none") == nil)
        }

        @Test func keepsTheConnectionAndItsPipeline() throws {
            let server = try serve()
            site.onRequest = { request, responder in responder.respond(status: 200, text: "answer to \(request.path).")
            }
            let raw = try RawSocket(port: server.port)
            for index in 0..<5 {
                raw.send("GET /\(index) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(run(loop) { raw.text.contains("answer to /\(index).") })
                raw.send("POST /p\(index) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
                #expect(run(loop) { raw.text.contains("answer to /p\(index).") })
                raw.send("POST /z\(index) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                #expect(run(loop) { raw.text.contains("answer to /z\(index).") })
            }
            #expect(server.connectionCount == 1)
            raw.send(
                (0..<8).map { "GET /many\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
                    + "GET /end HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(run(loop) { raw.text.contains("answer to /end.") }, "\(raw.text.suffix(300))")
            #expect(site.requests.suffix(9).map(\.path) == (0..<8).map { "/many\($0)" } + ["/end"])
            #expect(!raw.hasEnded)
        }

        @Test func requestBehindABodyInAPipelineDoesNotHang() throws {
            let server = try serve()
            let get = "GET /get HTTP/1.1\r\nHost: x\r\n\r\n"
            let post = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxy"
            let answered = try RawSocket(port: server.port)
            answered.send(post + get)
            #expect(run(loop) { answered.text.contains("x-method: GET") })
            let closed = try RawSocket(port: server.port)
            closed.send(get + post + get)
            #expect(run(loop) { closed.hasEnded })
        }

        @Test func oldProtocolEndsWithTheAnswer() throws {
            let server = try serve()
            let raw = try RawSocket(port: server.port)
            raw.send("GET / HTTP/1.0\r\n\r\n")
            #expect(run(loop) { raw.hasEnded })
            #expect(raw.text.contains(" 200 "))
        }

        @Test func answersLateAndInAnotherOrder() throws {
            let server = try serve()
            var waiting: [String: HTTPResponder] = [:]
            site.onRequest = { waiting[$0.path] = $1 }
            let first = try RawSocket(port: server.port)
            let second = try RawSocket(port: server.port)
            first.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            second.send("POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n2")
            #expect(run(loop) { waiting.count == 2 })
            var isLate = false
            loop.schedule(afterMilliseconds: 600) { isLate = true }
            #expect(run(loop) { isLate })
            #expect(waiting.count == 2, "the pipelined request waits for its turn")
            #expect(waiting.values.allSatisfy { $0.isOpen })
            waiting["/2"]?.respond(status: 202, text: "second")
            #expect(run(loop) { second.text.hasSuffix("second") })
            waiting["/1"]?.respond(status: 201, text: "first")
            #expect(run(loop) { first.text.hasSuffix("first") && waiting["/next"] != nil })
            waiting["/1"]?.respond(status: 500, text: "twice")
            waiting["/next"]?.respond(status: 200, text: "third")
            #expect(run(loop) { first.text.hasSuffix("third") })
            #expect(!first.text.contains("twice"))
        }

        @Test func pendingAnswerDoesNotSpin() throws {
            let server = try serve()
            var waiting: HTTPResponder?
            site.onRequest = { waiting = $1 }
            let raw = try RawSocket(port: server.port)
            raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1GET / HTTP/1.1\r\n")
            #expect(run(loop) { waiting != nil })
            // (The last millisecond before a timer is spent polling, so only the time well before it counts.)
            let start = ContinuousClock.now
            var rounds = 0
            loop.schedule(afterMilliseconds: 200) {}
            while ContinuousClock.now - start < .milliseconds(150) {
                loop.runOnce(timeoutMilliseconds: 1_000)
                rounds += 1
            }
            #expect(rounds < 20, "\(rounds) rounds in 150 ms without anything to do")
            raw.resetOnClose()
        }

        @Test func clientThatLeavesEarlyIsNoticed() throws {
            let server = try serve()
            var waiting: HTTPResponder?
            site.onRequest = { waiting = $1 }
            do {
                let raw = try RawSocket(port: server.port)
                raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(run(loop) { waiting?.isOpen == true })
            }
            #expect(run(loop) { waiting?.isOpen == false && server.connectionCount == 0 })
            waiting?.respond(status: 200, text: "to nobody")
        }

        @Test func forgottenRequestGets500() throws {
            let server = try serve()
            site.onRequest = { _, _ in }
            let answer = try exchange(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", until: { $0.contains("no answer") })
            #expect(answer.hasPrefix("HTTP/1.1 500 "))
        }

        @Test func bodyTricklesInPieces() throws {
            let server = try serve()
            let loop = loop
            site.onRequest = { _, responder in
                responder.begin(status: 200, headers: [("x-slow", "yes")], contentLength: 10)
                func step(_ index: Int) {
                    responder.write([UInt8(ascii: "0") + UInt8(index)])
                    if index < 9 { loop.schedule(afterMilliseconds: 5) { step(index + 1) } }
                }
                step(0)
            }
            let raw = try RawSocket(port: server.port)
            raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(run(loop) { raw.text.hasSuffix("\r\n\r\n0") }, "the head and one byte come first")
            #expect(run(loop) { raw.text.hasSuffix("0123456789") })
            raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.clear()
            #expect(run(loop) { raw.text.hasSuffix("0123456789") })
        }

        @Test func unfinishedBodyAndDropCutTheConnection() throws {
            let server = try serve()
            site.onRequest = { request, responder in
                if request.path == "/half" {
                    responder.begin(status: 200, contentLength: 100)
                    responder.write(Array("half".utf8))
                }
                if request.path == "/drop" { responder.drop() }
            }
            for path in ["/half", "/drop"] {
                let raw = try RawSocket(port: server.port)
                raw.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(run(loop) { raw.hasEnded }, "\(path)")
            }
            #expect(run(loop) { server.connectionCount == 0 })
        }

        @Test func largeBodiesInBothDirections() throws {
            let server = try serve { $0.maxBodyBytes = 4 << 20 }
            let client = try HTTPClient()
            defer { client.shutdown() }
            let body = pattern(3 << 20)
            let outcome = Outcome()
            client.send(
                HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/", body: body),
                completion: outcome.set)
            #expect(run(loop) { outcome.isSet })
            let answer = try outcome.get()
            #expect(answer.body == body)
        }

        @Test(arguments: [(1_000, 200), (1_001, 413), (50_000_000, 413)])
        func bodyAboveTheLimitGets413(size: Int, status: Int) throws {
            let server = try serve { $0.maxBodyBytes = 1_000 }
            let raw = try RawSocket(port: server.port)
            raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
            raw.send(Array(repeating: UInt8(ascii: "x"), count: min(size, 60_000)))
            #expect(run(loop) { raw.text.contains("\r\n\r\n") })
            #expect(raw.text.hasPrefix("HTTP/1.1 \(status) "), "\(raw.text.prefix(100))")
            #expect(site.requests.count == (status == 200 ? 1 : 0))
        }

        @Test func lengthMustBeStatedAndWellFormed() throws {
            let server = try serve()
            let cases = [
                ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", "411"),
                ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "411"),
                ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
                ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12x\r\n\r\n", "400"),
                ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999999\r\n\r\n", "400"),
                ("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "400"),
            ]
            for (request, status) in cases {
                let answer = try exchange(server, request, until: { $0.contains("\r\n\r\n") })
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(answer.prefix(100))")
            }
            #expect(site.requests.isEmpty)
        }

        @Test func waitingClientIsToldToContinue() throws {
            let server = try serve()
            let raw = try RawSocket(port: server.port)
            raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            #expect(run(loop) { raw.text.hasSuffix("100 Continue\r\n\r\n") })
            raw.send("body")
            #expect(run(loop) { raw.text.hasSuffix("\r\n\r\nbody") })
        }

        @Test func headersAboveTheLimitEndTheConnection() throws {
            let server = try serve()
            let raw = try RawSocket(port: server.port)
            raw.send("GET / HTTP/1.1\r\nHost: x\r\nCookie: \(String(repeating: "c", count: 20_000))\r\n\r\n")
            #expect(run(loop) { raw.hasEnded })
            #expect(site.requests.isEmpty)
            let other = try exchange(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", until: { $0.contains("\r\n\r\n") })
            #expect(other.hasPrefix("HTTP/1.1 200 "))
        }

        @Test func answersCannotBeSplitByAHeader() throws {
            let server = try serve()
            site.onRequest = {
                $1.respond(
                    status: 200, headers: [("x-a", "b\r\nx-evil: 1"), ("x b", "c"), ("x-good", "1")], text: "ok")
            }
            let answer = try exchange(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", until: { $0.hasSuffix("ok") })
            #expect(!answer.contains("evil") && !answer.contains("x b") && answer.contains("x-good: 1"))
        }

        @Test func twoHundredConnectionsAtOnce() throws {
            let server = try serve()
            var waiting: [HTTPResponder] = []
            site.onRequest = { waiting.append($1) }
            let sockets = try (0..<200).map { _ in try RawSocket(port: server.port) }
            for (index, raw) in sockets.enumerated() { raw.send("GET /\(index) HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(run(loop) { waiting.count == 200 })
            #expect(server.connectionCount == 200)
            #expect(Set(site.requests.map(\.path)).count == 200)
            for (index, responder) in waiting.enumerated() { responder.respond(status: 200, text: "<\(index)>") }
            #expect(run(loop) { sockets.allSatisfy { $0.text.hasSuffix(">") } })
        }

        @Test func connectionsAboveTheLimitAreClosedAtOnce() throws {
            let server = try serve { $0.maxConnections = 3 }
            let sockets = try (0..<5).map { _ in try RawSocket(port: server.port) }
            #expect(run(loop) { sockets.filter { $0.hasEnded }.count == 2 })
            #expect(server.connectionCount == 3)
        }

        @Test func restingConnectionIsClosed() throws {
            let server = try serve { $0.idleTimeoutSeconds = 1 }
            let raw = try RawSocket(port: server.port)
            raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(run(loop) { raw.text.contains("200") })
            #expect(run(loop) { raw.hasEnded })
        }

        @Test func addressInUseIsAnError() throws {
            let server = try serve()
            let other = try EventLoop()
            var options = ServerOptions()
            options.port = server.port
            let error = #expect(throws: TransportError.self) { try other.listen(options, delegate: site) }
            #expect(error?.attempted == "listen on 127.0.0.1:\(server.port)")
            #expect(error?.reason == "another process has this port; stop that process, or take another port")
            options.host = "192.0.2.1"
            let foreign = #expect(throws: TransportError.self) { try other.listen(options, delegate: site) }
            #expect(foreign?.reason == "Cannot assign requested address")
            options.host = "127.0.0.1"
            options.port = 0
            options.tlsCertificateFile = "/nonexistent.pem"
            #expect(throws: TransportError.self) { try other.listen(options, delegate: site) }
            options.tlsKeyFile = "/nonexistent.key"
            #expect(throws: TransportError.self) { try other.listen(options, delegate: site) }
        }

        @Test func libraryLogGoesToTheSinkOnly() throws {
            let lines = Mutex<[String]>([])
            EventLoop.routeLog { level, line in if level == .error { lines.withLock { $0.append(line) } } }
            defer { EventLoop.routeLog(nil) }
            let raw = try RawSocket(port: try serve().port)
            raw.send("GET /\(String(repeating: "x", count: 60_000)) HTTP/1.1\r\n\r\n")
            #expect(run(loop) { raw.hasEnded })
            #expect(lines.withLock { $0.contains { $0.contains("header data") } }, "\(lines.withLock { $0 })")
        }
    }
}
