import Testing

@testable import Transport

extension TransportTests {
    /// One rule chooses the proxy of WebSockets and of HTTP, and both go through it.
    struct ProxyTests {
        fileprivate static let proxy = "http://proxy.example:3128"

        struct Case: Sendable, CustomTestStringConvertible {
            let url: String
            let environment: [String: String]
            let route: String
            var testDescription: String { "\(url) \(environment)" }

            init(_ url: String, _ environment: [String: String], _ route: String) {
                (self.url, self.environment, self.route) = (url, environment, route)
            }

            /// With a proxy for everything and these exceptions.
            static func except(_ list: String, _ url: String, isDirect: Bool) -> Case {
                Case(
                    url, ["all_proxy": ProxyTests.proxy, "no_proxy": list],
                    isDirect ? "directly (no_proxy)" : "through the proxy \(ProxyTests.proxy) (all_proxy)")
            }
        }

        private static let cases: [Case] = [
            Case("wss://a.example:9443/ws", [:], "directly"),
            Case("wss://a.example/ws", ["http_proxy": proxy], "directly"),
            Case("wss://a.example/ws", ["https_proxy": proxy], "through the proxy \(proxy) (https_proxy)"),
            Case("https://a.example/x", ["HTTPS_PROXY": proxy], "through the proxy \(proxy) (HTTPS_PROXY)"),
            Case("ws://a.example/ws", ["https_proxy": proxy], "directly"),
            Case("ws://a.example/ws", ["http_proxy": proxy], "through the proxy \(proxy) (http_proxy)"),
            Case("HTTP://a.example", ["http_proxy": "proxy.example:3128"], "through the proxy \(proxy) (http_proxy)"),
            // A CGI server puts a request's header into this variable.
            Case("ws://a.example/ws", ["HTTP_PROXY": proxy], "directly"),
            Case(
                "ws://a.example/ws", ["http_proxy": "", "ALL_PROXY": proxy], "through the proxy \(proxy) (ALL_PROXY)"),
            Case(
                "wss://a.example/ws", ["https_proxy": proxy, "all_proxy": "http://other:1"],
                "through the proxy \(proxy) (https_proxy)"),
            Case("wss://a.example/ws", ["all_proxy": "socks5h://s"], "through the proxy socks5h://s:1080 (all_proxy)"),
            Case("wss://a.example/ws", ["all_proxy": "HTTPS://s/"], "through the proxy https://s:443 (all_proxy)"),
            Case(
                "wss://a.example/ws", ["all_proxy": " http://[::1]:8 "], "through the proxy http://[::1]:8 (all_proxy)"),
            Case(
                "wss://a.example/ws", ["https_proxy": "http://me:top%40secret@proxy.example:3128/"],
                "through the proxy http://***@proxy.example:3128 (https_proxy)"),
            Case("wss://a.example/ws", ["https_proxy": proxy, "NO_PROXY": "example"], "directly (NO_PROXY)"),
            .except("*", "wss://a.example/ws", isDirect: true),
            .except("b.example, *", "wss://a.example/ws", isDirect: true),
            .except("", "wss://a.example/ws", isDirect: false),
            .except("a.example", "wss://A.Example./ws", isDirect: true),
            .except(".EXAMPLE.", "https://a.example", isDirect: true),
            .except("*.example", "https://a.b.example", isDirect: true),
            .except("a.example", "https://ba.example", isDirect: false),
            .except("b.a.example", "https://a.example", isDirect: false),
            .except("x,a.example:9443", "wss://a.example:9443/ws", isDirect: true),
            .except("a.example:443", "wss://a.example/ws", isDirect: true),
            .except("a.example:443", "wss://a.example:9443/ws", isDirect: false),
            .except("localhost 127.0.0.1", "ws://127.0.0.1:9/", isDirect: true),
            .except("127.0.0.1:9", "ws://127.0.0.1:9/", isDirect: true),
            .except("127.0.0.1:8", "ws://127.0.0.1:9/", isDirect: false),
            .except("10.0.0.0/8", "http://10.255.1.2/", isDirect: true),
            .except("10.0.0.0/8", "http://11.0.0.1/", isDirect: false),
            .except("192.168.64.0/18", "http://192.168.127.9/", isDirect: true),
            .except("192.168.64.0/18", "http://192.168.128.9/", isDirect: false),
            .except("10.0.0.0/33", "http://10.0.0.0/", isDirect: false),
            .except("0.1", "http://127.0.0.1/", isDirect: false),
            .except("::1", "http://[::1]:80/", isDirect: true),
            .except("[::1]:81", "http://[::1]:80/", isDirect: false),
            .except("fd00::/8", "http://[fd12::1]/", isDirect: true),
            .except("user@a.example", "http://user:word@a.example/", isDirect: false),
            .except("a.example", "http://user:word@a.example/", isDirect: true),
        ]

        @Test(arguments: cases)
        func theRuleIsCurlsRule(_ example: Case) throws {
            let route = try ProxyRules(environment: example.environment).route(to: example.url)
            #expect("\(route)" == example.route)
        }

        @Test(arguments: ["ftp://me:secret@p:1", "http://me:secret@", "me:secret@p:0", "http://me:secret@p:x", "[::1"])
        func aProxyThatCannotBeReadIsSaidWithoutItsSecrets(text: String) {
            let error = #expect(throws: TransportError.self) {
                try ProxyRules(environment: ["all_proxy": text]).route(to: "wss://a.example")
            }
            #expect(error?.description.contains("all_proxy") == true && error?.description.contains("secret") == false)
        }

        // MARK: Through a proxy

        private let loop: EventLoop
        private let site = Site(webSocket: Recorder.echo())
        private let server: Server
        private let client: HTTPClient

        init() throws {
            loop = try EventLoop()
            server = try loop.listen(ServerOptions(), delegate: site)
            client = try HTTPClient()
        }

        private func connect(_ environment: [String: String], to url: String? = nil) -> Recorder {
            var request = WebSocketRequest(url: url ?? "ws://127.0.0.1:\(server.port)/a?b")
            request.proxies = ProxyRules(environment: environment)
            let recorder = Recorder()
            recorder.onOpen = { _ = $0.send(text: "hello") }
            _ = loop.connect(request, delegate: recorder)
            #expect(run(loop) { !recorder.messages.isEmpty || !recorder.closes.isEmpty })
            return recorder
        }

        private func fetch(_ environment: [String: String], isTunnelled: Bool = true) -> Outcome {
            var request = HTTPRequest(url: "http://127.0.0.1:\(server.port)/a?b")
            request.proxies = ProxyRules(environment: environment)
            request.isTunnelled = isTunnelled
            let outcome = Outcome()
            client.send(request, completion: outcome.set)
            #expect(run(loop) { outcome.isSet })
            return outcome
        }

        @Test func bothAreTunnelledWithTheProxysCredentials() throws {
            let proxy = try TunnelProxy()
            defer { proxy.stop() }
            let rules = ["http_proxy": "http://me:p%40ss%3A@127.0.0.1:\(proxy.port)"]
            #expect(connect(rules).texts == ["hello"])
            let answer = try fetch(rules).get()
            #expect(answer.status == 200 && answer.header("x-method") == "GET")
            let line = "CONNECT 127.0.0.1:\(server.port) HTTP/1."
            #expect(proxy.requests.count == 2 && proxy.requests.allSatisfy { $0.hasPrefix(line) })
            // Base64 of me:p@ss:
            #expect(proxy.credentials.allSatisfy { $0?.lowercased() == "basic bwu6cebzczo=" }, "\(proxy.credentials)")
        }

        @Test func withoutCredentialsNoneAreSent() throws {
            let proxy = try TunnelProxy()
            defer { proxy.stop() }
            let rules = ["all_proxy": "127.0.0.1:\(proxy.port)"]
            #expect(connect(rules).texts == ["hello"])
            // Not tunnelled, the request itself is the proxy's.
            #expect(try fetch(rules, isTunnelled: false).get().header("X-Proxy") == "plain")
            #expect(proxy.requests.last?.hasPrefix("GET http://127.0.0.1:\(server.port)/a?b ") == true)
            #expect(proxy.credentials == [nil, nil])
        }

        @Test func anExceptionIsReachedDirectly() throws {
            let rules = ["http_proxy": "http://127.0.0.1:\(try closedPort())", "no_proxy": "127.0.0.1,localhost"]
            #expect(connect(rules).texts == ["hello"])
            #expect(try fetch(rules).get().status == 200)
        }

        /// Neither way tells the password.
        @Test(arguments: [nil, 407, 502]) func errorsNameTheProxy(refusal: Int?) throws {
            let proxy = try refusal.map { try TunnelProxy(refusing: $0) }
            defer { proxy?.stop() }
            let port = try proxy?.port ?? closedPort()
            let rules = ["http_proxy": "http://me:secret@127.0.0.1:\(port)"]
            let name = "through the proxy http://***@127.0.0.1:\(port) (http_proxy)"
            let closed = try #require(connect(rules).closes.first)
            #expect("\(closed)".hasPrefix("failed: ") && "\(closed)".contains(name), "\(closed)")
            let error = try #require(fetch(rules).error)
            #expect("\(error)".contains(name), "\(error)")
            if let refusal { #expect("\(error)".contains("the proxy answered \(refusal)"), "\(error)") }
            #expect(!"\(closed) \(error)".contains("secret"))
        }

        @Test func aProxyThatNeverAnswersIsNamed() throws {
            let silent = try SilentPort()
            var request = WebSocketRequest(url: "ws://127.0.0.1:\(server.port)/")
            request.proxies = ProxyRules(environment: ["http_proxy": "http://127.0.0.1:\(silent.port)"])
            request.connectTimeoutMilliseconds = 200
            let recorder = Recorder()
            _ = loop.connect(request, delegate: recorder)
            #expect(run(loop) { !recorder.closes.isEmpty })
            let reason = "\(recorder.closes)"
            #expect(reason.contains("no connection within 0.2 s through the proxy http://127.0.0.1:"), "\(reason)")
        }

        @Test func webSocketsPassNoSOCKSProxy() throws {
            let closed = try #require(connect(["http_proxy": "socks5://127.0.0.1:1"]).closes.first)
            #expect(
                "\(closed)".contains(
                    "WebSockets can pass http proxies only, not through the proxy socks5://127.0.0.1:1"), "\(closed)")
        }
    }
}
