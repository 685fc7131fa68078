import Testing

@testable import Transport

extension TransportTests {
    struct HTTPClientTests {
        let loop: EventLoop
        let site = Site()
        let server: Server
        let client: HTTPClient
        init() throws {
            loop = try EventLoop()
            server = try loop.listen(ServerOptions(), delegate: site)
            client = try HTTPClient()
        }

        private func send(_ path: String = "/", _ change: (inout HTTPRequest) -> Void = { _ in }) -> Outcome {
            var request = HTTPRequest(url: "http://127.0.0.1:\(server.port)\(path)")
            change(&request)
            let outcome = Outcome()
            client.send(request, completion: outcome.set)
            return outcome
        }

        @Test func sendsMethodHeadersAndBody() throws {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
                let body = ["GET", "HEAD", "OPTIONS"].contains(method) ? [] : pattern(5_000)
                let outcome = send("/a?b=c") {
                    $0.method = method
                    $0.body = body
                    $0.headers = [("User-Agent", "agent/1"), ("Authorization", "Bearer x")]
                }
                #expect(run(loop) { outcome.isSet })
                let answer = try outcome.get()
                #expect(answer.status == 200)
                #expect(answer.header("X-METHOD") == method)
                #expect(answer.body == body)
                #expect(answer.totalTime > .zero)
                let request = try #require(site.requests.last)
                #expect(request.method == method && request.body == body && request.query("b") == "c")
                #expect(request.header("user-agent") == "agent/1")
                #expect(request.header("authorization") == "Bearer x")
            }
        }

        @Test func awaitsWithAsyncFunction() async throws {
            let farEnd = try FarEnd { _, responder in responder.respond(status: 404, text: "nothing here") }
            let answer = try await client.send(HTTPRequest(url: "http://127.0.0.1:\(farEnd.port)/x"))
            #expect(answer.status == 404)
            #expect(answer.body == Array("nothing here".utf8))
            farEnd.stop()
        }

        @Test func cancelledTaskEndsItsRequest() async throws {
            let farEnd = try FarEnd { request, responder in FarEnd.keep(responder) }
            let request = HTTPRequest(url: "http://127.0.0.1:\(farEnd.port)/")
            let task = Task { [client] in try await client.send(request) }
            while farEnd.requestCount == 0 {
                try await Task.sleep(for: .milliseconds(1))  // house-rule: the pause between two looks
            }
            task.cancel()
            let result = await task.result
            #expect(throws: HTTPError.cancelled) { try result.get() }
            let early = Task { [client] in
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.send(request)
            }
            let earlyResult = await early.result
            #expect(throws: HTTPError.cancelled) { try earlyResult.get() }
            farEnd.stop()
        }

        @Test func redirectsAreNotFollowed() throws {
            site.onRequest = { $1.respond(status: 302, headers: [("location", "/other")], text: "") }
            let outcome = send()
            #expect(run(loop) { outcome.isSet })
            #expect(try outcome.get().status == 302)
            #expect(site.requests.count == 1)
        }

        @Test func connectionIsUsedAgain() throws {
            let first = send()
            #expect(run(loop) { first.isSet })
            let second = send()
            #expect(run(loop) { second.isSet })
            let (a, b) = (try first.get(), try second.get())
            #expect(a.localPort > 0 && a.localPort == b.localPort)
            #expect(b.connectTime == .zero)
        }

        @Test func silentServerTimesOut() throws {
            site.onRequest = { FarEnd.keep($1) }
            let answered = send { $0.totalTimeoutMilliseconds = 100 }
            let silent = try SilentPort()
            let unanswered = Outcome()
            var request = HTTPRequest(url: "http://127.0.0.1:\(silent.port)/secret?token=secret")
            request.totalTimeoutMilliseconds = 100
            client.send(request, completion: unanswered.set)
            #expect(run(loop) { answered.isSet && unanswered.isSet })
            for outcome in [answered, unanswered] {
                guard case .timedOut(let message) = outcome.error else {
                    Issue.record("\(String(describing: outcome.error))")
                    continue
                }
                #expect(message.hasPrefix("http://127.0.0.1: "))
                #expect(!message.contains("secret"))
            }
        }

        @Test func slowBodyTimesOutInTheMiddle() throws {
            site.onRequest = { _, responder in
                responder.begin(status: 200, contentLength: 1_000)
                responder.write(Array("beginning".utf8))
                FarEnd.keep(responder)
            }
            let outcome = send { $0.totalTimeoutMilliseconds = 150 }
            #expect(run(loop) { outcome.isSet })
            guard case .timedOut = outcome.error else {
                Issue.record("\(String(describing: outcome.error))")
                return
            }
        }

        @Test func cancellationEndsTheRequestOnce() throws {
            var waiting: [HTTPResponder] = []
            site.onRequest = { waiting.append($1) }
            let outcome = Outcome()
            let task = client.send(
                HTTPRequest(url: "http://127.0.0.1:\(server.port)/"), completion: outcome.set)
            #expect(run(loop) { waiting.count == 1 })
            task.cancel()
            task.cancel()
            #expect(run(loop) { outcome.isSet })
            #expect(outcome.error == .cancelled)
            waiting[0].respond(status: 200, text: "late")
            let next = send("/next")
            #expect(run(loop) { waiting.count == 2 })
            waiting[1].respond(status: 200, text: "fine")
            #expect(run(loop) { next.isSet })
            #expect(outcome.count == 1)
            task.cancel()
            #expect(try next.get().status == 200)
        }

        @Test func answerAboveTheLimit() throws {
            site.onRequest = { request, responder in
                responder.respond(status: 200, body: pattern(request.path == "/fits" ? 10_000 : 10_001))
            }
            let fits = send("/fits") { $0.maxResponseBytes = 10_000 }
            let above = send("/above") { $0.maxResponseBytes = 10_000 }
            #expect(run(loop) { fits.isSet && above.isSet })
            #expect(try fits.get().body.count == 10_000)
            #expect(above.error == .tooLarge(limitBytes: 10_000))
        }

        @Test func brokenConnectionsAreTyped() throws {
            site.onRequest = { request, responder in
                if request.path == "/half" {
                    responder.begin(status: 200, contentLength: 100)
                    responder.write([1, 2, 3])
                } else {
                    responder.drop()
                }
            }
            let refused = Outcome()
            client.send(
                HTTPRequest(url: "http://user:password@127.0.0.1:\(try closedPort())/secret?k=secret"),
                completion: refused.set)
            let unknown = Outcome()
            client.send(HTTPRequest(url: "http://no-such-host.invalid/secret"), completion: unknown.set)
            let (half, dropped) = (send("/half"), send("/drop"))
            let all = [refused, unknown, half, dropped]
            #expect(run(loop, seconds: 60) { all.allSatisfy { $0.isSet } })
            for outcome in all {
                let message: String
                switch outcome.error {
                case .connectionFailed(let text) where outcome !== unknown: message = text
                case .unknownHost(let text) where outcome === unknown: message = text
                default:
                    Issue.record("\(String(describing: outcome.error))")
                    continue
                }
                for secret in ["secret", "user", "password"] { #expect(!message.contains(secret), "\(message)") }
            }
        }

        @Test(arguments: [
            "", "no url", "ftp://host/secret", "file:///etc/passwd", "http://", "http://h:99999/secret",
            "http://[::1/secret",
        ])
        func badURLs(url: String) throws {
            let outcome = Outcome()
            client.send(HTTPRequest(url: url), completion: outcome.set)
            #expect(run(loop) { outcome.isSet })
            guard case .badURL(let message) = outcome.error else {
                Issue.record("\(String(describing: outcome.error))")
                return
            }
            #expect(!message.contains("secret"))
        }

        @Test func requestsCannotBeSplitByAHeader() throws {
            let outcomes = [
                send { $0.headers = [("X-A", "1\r\nX-Evil: 1")] }, send { $0.headers = [("X A", "1")] },
                send { $0.method = "GET / HTTP/1.1\r\nX:" },
            ]
            #expect(run(loop) { outcomes.allSatisfy { $0.isSet } })
            for outcome in outcomes {
                guard case .badURL = outcome.error else {
                    Issue.record("\(String(describing: outcome.error))")
                    continue
                }
            }
            #expect(site.requests.isEmpty)
        }

        @Test func fiveHundredRequestsAtOnce() throws {
            site.onRequest = { request, responder in responder.respond(status: 200, text: request.path) }
            let outcomes = (0..<500).map { index in send("/\(index)") { $0.totalTimeoutMilliseconds = 20_000 } }
            #expect(run(loop) { outcomes.allSatisfy { $0.isSet } })
            for (index, outcome) in outcomes.enumerated() {
                #expect(try outcome.get().body == Array("/\(index)".utf8))
                #expect(outcome.count == 1)
            }
            #expect(server.connectionCount <= HTTPClient.maxConnections)
        }

        @Test func shutdownCancelsAndRefuses() throws {
            site.onRequest = { FarEnd.keep($1) }
            let outcomes = (0..<20).map { _ in send() }
            #expect(run(loop) { !site.requests.isEmpty })
            client.shutdown()
            #expect(outcomes.allSatisfy { $0.error == .cancelled && $0.count == 1 })
            client.shutdown()
            let late = send()
            #expect(late.error == .cancelled)
        }
    }
}
