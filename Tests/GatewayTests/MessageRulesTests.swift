import Foundation
import Microstructure
import Testing
import Wire

@testable import Gateway
@testable import Runtime

extension GatewayTests {
    /// HTTP/1 byte by byte, as keep-alive clients, old clients and broken ones see it.
    @Suite struct MessageRulesTests {
        private static let host = "Host: localhost\r\n"

        /// Sends `text` on a connection of its own and returns all that comes until the server ends it.
        private static func exchange(_ port: Int, _ text: String) throws -> String {
            let connection = try Connection(port: port)
            try connection.send(text)
            #expect(try connection.read { $0.isAtEnd }, "\(text)")
            return connection.text
        }

        private static func expectProblem(_ text: String, _ status: Int, _ request: String) throws {
            #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(text)")
            #expect(text.contains("application/problem+json"), "\(request): \(text)")
            let body = try #require(text.range(of: "\r\n\r\n")).upperBound
            let problem = try JSONDecoder().decode(ProblemDocument.self, from: Data(text[body...].utf8))
            #expect(problem.status == status && !problem.detail.isEmpty, "\(request)")
        }

        /// On one connection, each answer to HEAD is followed by the answer to another request, which it must not disturb.
        @Test func answersToHeadHaveNoBody() async throws {
            try await Bench.run { bench in
                let connection = try Connection(port: bench.port)
                for path in [
                    "/", "/health", "/ready", "/metrics", "/openapi.yaml", "/nothing", "/api/v1/signals",
                    "/api/v1/signals?x=1", "/api/v1/signals?limit=0", "/api/v1/signals/none", "/api/v1/book/NONE",
                    "/api/v1/book/%zz", "/api/v1/alerts", "/api/v1/silences/x", "/api/v1/signals/stream?seconds=0.05",
                    "/api/v1/features/stream?seconds=0.05", "/dashboard",
                ] {
                    for _ in 0..<2 {
                        try connection.sendRequest("HEAD", path)
                        let head = try connection.answer(toHead: true)
                        try connection.sendRequest("GET", "/api/v1/symbols")
                        let next = try connection.answer()
                        #expect(next.status == 200 && next.body == #"{"symbols":[]}"#, "\(path): \(head)")
                        guard head.headers["transfer-encoding"] == nil else { continue }
                        let get = try ask(bench.port, "GET", path, headers: [("Cookie", "full=server")])
                        #expect(head.status == get.status, "\(path)")
                        #expect(head.headers["content-type"] == get.headers["content-type"], "\(path)")
                        // What these say changes from one moment to the next.
                        guard !["/ready", "/health", "/metrics"].contains(path) else { continue }
                        #expect(head.headers["content-length"] == get.headers["content-length"], "\(path)")
                    }
                }
                // All at once, so that the answers come in one piece.
                let pair = ["HEAD", "GET"].map { "\($0) /nothing HTTP/1.1\r\n\(Self.host)\r\n" }.joined()
                try connection.send(String(repeating: pair, count: 5))
                for number in 0..<10 {
                    let answer = try connection.answer(toHead: number.isMultiple(of: 2))
                    #expect(answer.status == 404)
                }
            }
        }

        @Test func anErrorLeavesTheConnectionUsable() async throws {
            try await Bench.run { bench in
                let connection = try Connection(port: bench.port)
                let type = [("Content-Type", "application/json")]
                for (method, path, body, status) in [
                    ("GET", "/nothing", nil, 404), ("PATCH", "/health", nil, 405), ("PROPFIND", "/health", nil, 501),
                    ("GET", "/api/v1/signals?x=1", nil, 400), ("POST", "/api/v1/signals", "{}", 400),
                    ("POST", "/api/v1/signals", "[", 400), ("DELETE", "/api/v1/signals", nil, 405),
                    ("POST", "/nothing", "{}", 404), ("QUERY", "/api/v1/signals", "{}", 405),
                    ("GET", "/api/v1/book/NONE", nil, 404), ("TRACE", "/", nil, 405),
                ] as [(String, String, String?, Int)] {
                    try connection.sendRequest(method, path, headers: body == nil ? [] : type, body: body)
                    let answer = try connection.answer()
                    #expect(answer.status == status, "\(method) \(path)")
                    #expect(answer.headers["content-type"] == "application/problem+json", "\(method) \(path)")
                    try connection.sendRequest("GET", "/api/v1/symbols")
                    #expect(try connection.answer().body == #"{"symbols":[]}"#, "\(method) \(path)")
                }
            }
        }

        @Test func oldClientsGetWholeAnswersAndTheEnd() async throws {
            try await Bench.run { bench in
                for path in ["/health", "/nothing", "/metrics", "/api/v1/signals/stream?seconds=0.05"] {
                    for extra in ["", Self.host, "Connection: close\r\n"] {
                        let text = try Self.exchange(bench.port, "GET \(path) HTTP/1.0\r\n\(extra)\r\n")
                        #expect(text.hasPrefix("HTTP/1.0 \(path == "/nothing" ? 404 : 200) "), "\(text)")
                        #expect(!text.lowercased().contains("transfer-encoding"), "\(text)")
                        #expect(text.contains("Connection: close\r\n"), "\(text)")
                        if path.contains("stream") { #expect(text.contains("\r\n\r\nretry: "), "\(text)") }
                    }
                }
                let kept = try Connection(port: bench.port)
                for _ in 0..<3 {
                    try kept.send("GET /api/v1/symbols HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    let answer = try kept.answer()
                    #expect(answer.status == 200 && answer.headers["connection"] == "keep-alive")
                    #expect(answer.body == #"{"symbols":[]}"#)
                }
                // Only its end can tell that the stream is over.
                try kept.send("GET /api/v1/signals/stream?seconds=0.05 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try kept.read { $0.isAtEnd })
                #expect(kept.text.contains("Connection: close\r\n") && kept.text.contains("\r\n\r\nretry: "))
            }
        }

        @Test func aClientMayEndTheConnectionInAnySpelling() async throws {
            try await Bench.run { bench in
                for value in ["close", "Close", "CLOSE", "foo, close", "close, TE"] {
                    for path in ["/health", "/nothing"] {
                        let text = try Self.exchange(
                            bench.port, "GET \(path) HTTP/1.1\r\n\(Self.host)Connection: \(value)\r\n\r\n")
                        #expect(text.hasPrefix("HTTP/1.1 \(path == "/health" ? 200 : 404) "), "\(text)")
                        #expect(text.contains("Connection: close\r\n"), "\(text)")
                    }
                }
            }
        }

        @Test func aRequestHasOneHost() async throws {
            try await Bench.run { bench in
                let connection = try Connection(port: bench.port)
                for path in ["/health", "/api/v1/signals", "/nothing"] {
                    for hosts in [
                        "", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n",
                        "Host: http://a\r\n", "Host: a, b\r\n",
                    ] {
                        let request = "GET \(path) HTTP/1.1\r\n\(hosts)\r\n"
                        try connection.send(request)
                        let answer = try connection.answer()
                        #expect(answer.status == 400, "\(request)")
                        #expect(try answer.decode(ProblemDocument.self).detail.contains("Host"), "\(request)")
                    }
                    for host in ["a", "a:8000", "[::1]:8000", "a_b.example", "127.0.0.1"] {
                        try connection.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                        #expect(try connection.answer().status == (path == "/nothing" ? 404 : 200), "\(host)")
                    }
                }
                let old = try Self.exchange(bench.port, "GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n")
                #expect(old.hasPrefix("HTTP/1.0 400 "), "\(old)")
            }
        }

        @Test func aClientThatAsksFirstIsToldToGoOn() async throws {
            try await Bench.run { bench in
                let body = PostTests.example
                let connection = try Connection(port: bench.port)
                for _ in 0..<2 {
                    try connection.send(
                        "POST /api/v1/signals HTTP/1.1\r\n\(Self.host)Expect: 100-continue\r\n"
                            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                    #expect(try connection.answer().status == 100)
                    try connection.send(body)
                    #expect(try connection.answer().status == 202)
                }
            }
        }

        @Test func whatIsNoRequestIsAProblem() async throws {
            try await Bench.run { bench in
                for (request, status) in [
                    ("FOO / HTTP/1.1\r\n\(Self.host)\r\n", 501), ("get /health HTTP/1.1\r\n\(Self.host)\r\n", 501),
                    ("BREW /health HTTP/1.1\r\n\(Self.host)\r\n", 501),
                    ("GET /health HTTP/3.0\r\n\(Self.host)\r\n", 505),
                    ("GET /health HTTP/1.1\r\n\(Self.host)Bad Name: x\r\n\r\n", 400),
                    ("POST /api/v1/signals HTTP/1.1\r\n\(Self.host)Content-Length: x\r\n\r\n", 400),
                    ("GET / HTTP/1.1\r\n\(Self.host)X: \(String(repeating: "x", count: 20_000))\r\n\r\n", 431),
                ] {
                    try Self.expectProblem(try Self.exchange(bench.port, request), status, String(request.prefix(60)))
                    // The answers to what came before come first.
                    let both = try Self.exchange(
                        bench.port, "GET /api/v1/symbols HTTP/1.1\r\n\(Self.host)\r\n" + request)
                    let second = try #require(both.range(of: #"{"symbols":[]}"#)).upperBound
                    try Self.expectProblem(String(both[second...]), status, String(request.prefix(60)))
                }
            }
        }

        @Test func pathsArePercentDecoded() async throws {
            try await Bench.run { bench in
                let port = bench.port
                var trade = ProtoTrade()
                trade.aggressor = .buy
                try bench.publish(.trade(trade), on: .tick(.binance, "BTCUSDT", .trade))
                #expect(try eventually { try ask(port, "GET", "/api/v1/trades/BTCUSDT").status == 200 })
                for name in ["BTC%2FUSDT", "btc%2fusdt", "BTC-USDT", "BTC_USDT", "btcusdt", "%42TCUSDT"] {
                    let answer = try ask(port, "GET", "/api/v1/trades/\(name)")
                    #expect(answer.status == 200 && answer.body.contains(#""symbol":"BTCUSDT""#), "\(name)")
                }
                for name in ["BTC%2", "%zz", "%ff", "BTC%00USDT", "BTC.USDT", "BTC%20USDT", "%2F"] {
                    let answer = try ask(port, "GET", "/api/v1/trades/\(name)")
                    #expect(answer.status == 400, "\(name): \(answer)")
                }
                #expect(try ask(port, "GET", "/api/v1/symbols").status == 200)
                let posted = try post(port, PostTests.example).decode(SignalDocument.self)
                let id = posted.id.replacing("-", with: "%2D")
                #expect(try ask(port, "GET", "/api/v1/signals/\(id)").decode(SignalDocument.self).id == posted.id)
            }
        }

        /// A combining mark after `=` makes no other character of it.
        @Test func queriesAreBytes() async throws {
            try await Bench.run { bench in
                for mark in ["\u{301}", "\u{FE0F}", "\u{200D}"] {
                    // The parser takes no bytes beyond ASCII in an address, the alerter's does.
                    #expect(try ask(bench.port, "GET", "/api/v1/signals?type=\(mark)drift").status == 400)
                    let query = try QueryParameters(
                        "type=\(mark)drift&\(mark)x=\(mark)+1", allowed: ["type", "\(mark)x"])
                    #expect(query.text("type").map { Array($0.utf8) } == Array("\(mark)drift".utf8))
                    #expect(query.text("\(mark)x").map { Array($0.utf8) } == Array("\(mark) 1".utf8))
                }
                let answer = try ask(bench.port, "GET", "/api/v1/signals?type=%CC%81drift")
                #expect(try answer.decode(ProblemDocument.self).detail.utf8.starts(with: "type='\u{301}drift'".utf8))
            }
        }
    }
}
