@testable import Runtime
import Foundation
import Testing

@testable import Gateway

extension GatewayTests {
    @Suite struct AccessTests {
        static let reader = "reader-0123456789abcdef"
        static let writer = "writer-0123456789abcdef"
        static let both = "both-0123456789abcdef"

        static func server(rate: Int? = nil, origins: Set<String> = []) throws -> GatewayConfiguration.Server {
            let keys = try APIKey.list(
                "# who may do what\ndashboard:read:\(reader)\nbot:write:\(writer), ops:read+write:\(both)\n",
                setting: "keys")
            return .init(host: "127.0.0.1", port: 0, origins: origins, keys: keys, requestsPerSecond: rate)
        }

        private static func bearer(_ key: String) -> [(String, String)] { [("Authorization", "Bearer \(key)")] }

        @Test func aKeyOpensWhatItsScopeAllows() async throws {
            let server = try Self.server()
            try await Bench.run(server) { bench in
                let port = bench.port
                let reads = [
                    "/api/v1/signals", "/api/v1/signals?limit=5", "/api/v1/symbols", "/api/v1/stats", "/api/v1/schema",
                    "/metrics", "/api/v1/features/latest",
                ]
                for path in reads {
                    let without = try ask(port, "GET", path)
                    #expect(without.status == 401 && without.headers["www-authenticate"] != nil, "\(path)")
                    #expect(without.headers["content-type"] == "application/problem+json", "\(path)")
                    for wrong in ["", "x", Self.reader + "0", String(Self.reader.dropLast()), Self.reader.uppercased()]
                    {
                        #expect(
                            try ask(port, "GET", path, headers: Self.bearer(wrong)).status == 401, "\(path) \(wrong)")
                    }
                    #expect(
                        try ask(port, "GET", path, headers: [("Authorization", "Basic \(Self.reader)")]).status == 401)
                    #expect(try ask(port, "GET", path, headers: Self.bearer(Self.reader)).status == 200, "\(path)")
                    #expect(try ask(port, "GET", path, headers: [("X-API-Key", Self.both)]).status == 200, "\(path)")
                    let forbidden = try ask(port, "GET", path, headers: Self.bearer(Self.writer))
                    #expect(forbidden.status == 403, "\(path)")
                    #expect(try forbidden.decode(ProblemDocument.self).detail.contains("'bot' has not the scope read"))
                }
                let twice = [("X-API-Key", Self.both), ("Authorization", "Bearer wrong-0123456789abcdef")]
                #expect(try ask(port, "GET", "/api/v1/stats", headers: twice).status == 401)
                let other = Self.bearer(Self.both) + [("X-API-Key", "wrong-0123456789abcdef")]
                #expect(try ask(port, "GET", "/api/v1/stats", headers: other).status == 401)
                // Two clients may think of one idempotency key.
                for (key, score) in [(Self.writer, "0.81"), (Self.both, "0.82"), (Self.writer, "0.81")] {
                    let headers = Self.bearer(key) + [("Idempotency-Key", "mine")]
                    let body = PostTests.example.replacing("0.85", with: score)
                    let answer = try post(port, body, headers: headers)
                    #expect(answer.status == 202 && answer.body.contains(score))
                }
                #expect(try post(port, PostTests.example).status == 401)
                #expect(try post(port, PostTests.example, headers: Self.bearer(Self.reader)).status == 403)
                #expect(try post(port, PostTests.example, headers: Self.bearer(Self.writer)).status == 202)
                #expect(try post(port, PostTests.example, headers: [("X-API-Key", Self.both)]).status == 202)
                #expect(try ask(port, "DELETE", "/api/v1/silences/x", headers: Self.bearer(Self.reader)).status == 403)
                for path in ["/health", "/openapi.yaml", "/"] {
                    #expect(try ask(port, "GET", path).status == 200, "\(path)")
                }
                // Neither a key nor a part of one is shown anywhere.
                let page = try ask(port, "GET", "/metrics", headers: Self.bearer(Self.reader)).body
                #expect(!page.contains("0123456789abcdef"))
            }
        }

        @Test func theRateOfAKeyIsItsOwn() async throws {
            let server = try Self.server(rate: 5)
            try await Bench.run(server) { bench in
                let port = bench.port
                var statuses: [Int] = []
                var refusal: Connection.Answer?
                // More at once than flows in, however slow this machine is: until one is refused.
                for _ in 0..<100_000 {
                    let answer = try ask(port, "GET", "/api/v1/signals", headers: Self.bearer(Self.reader))
                    statuses.append(answer.status)
                    if answer.status == 429 {
                        refusal = answer
                        break
                    }
                }
                #expect(statuses.prefix(5).allSatisfy { $0 == 200 })
                let answer = try #require(refusal)
                #expect(answer.headers["retry-after"] == "1")
                #expect(answer.headers["content-type"] == "application/problem+json")
                // Another key has its own, and health has none.
                #expect(try ask(port, "GET", "/api/v1/signals", headers: Self.bearer(Self.both)).status == 200)
                #expect(try ask(port, "GET", "/health").status == 200)
                #expect(
                    try eventually {
                        try ask(port, "GET", "/api/v1/signals", headers: Self.bearer(Self.reader)).status == 200
                    })
            }
        }

        @Test func onlyConfiguredOriginsAreLetIn() async throws {
            let server = try Self.server(origins: ["https://example.org"])
            try await Bench.run(server) { bench in
                let good = ("Origin", "https://example.org")
                let preflight = try ask(
                    bench.port, "OPTIONS", "/api/v1/signals",
                    headers: [
                        good, ("Access-Control-Request-Method", "POST"),
                        ("Access-Control-Request-Headers", "authorization,content-type"),
                    ])
                #expect(preflight.status == 204)
                #expect(preflight.headers["access-control-allow-origin"] == "https://example.org")
                #expect(preflight.headers["access-control-allow-headers"]?.contains("Authorization") == true)
                #expect(preflight.headers["vary"] == "Origin")
                let answer = try ask(bench.port, "GET", "/api/v1/signals", headers: [good] + Self.bearer(Self.reader))
                #expect(answer.status == 200 && answer.headers["access-control-allow-origin"] == "https://example.org")
                // The page has to be able to read why it was refused.
                let refused = try ask(bench.port, "GET", "/api/v1/signals", headers: [good])
                #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] != nil)
                for origin in ["https://example.com", "http://example.org", "null"] {
                    let other = try ask(
                        bench.port, "GET", "/api/v1/signals", headers: [("Origin", origin)] + Self.bearer(Self.reader))
                    #expect(other.headers["access-control-allow-origin"] == nil, "\(origin)")
                }
            }
        }

        @Test func indentedCommentsAreNoKeys() throws {
            let text = "x:read:\(Self.reader)\n  # old:read+write:\(Self.both)\n"
            #expect(try APIKey.list(text, setting: "GATEWAY_API_KEYS").map(\.name) == ["x"])
        }

        @Test func keysThatCannotBeUsedAreNamedByPlaceOnly() {
            for (text, mentions) in [
                ("a", "entry 1 is not"), ("a:read", "entry 1 is not"), (":read:0123456789abcdef", "entry 1 is not"),
                ("a:admin:0123456789abcdef", "the scope"), ("a::0123456789abcdef", "the scope"),
                ("a:read:short-secret", "16 to 256"), ("a:read:0123456789 abcdef", "16 to 256"),
                ("a:read:0123456789abcdef,a:read:0123456789abcdeg", "twice"),
                ("a:read:0123456789abcdef,b:read:0123456789abcdef", "twice"),
                // Without a key everybody would be let in.
                ("", "no key"), ("# a:read:0123456789abcdef\n\n  # b:read:0123456789abcdeg\n", "no key"),
            ] {
                let problem = #expect(throws: ConfigurationError.self, "\(text)") {
                    try APIKey.list(text, setting: "GATEWAY_API_KEYS")
                }
                #expect(problem?.problem.contains(mentions) == true, "\(text): \(problem?.problem ?? "")")
                #expect(problem?.problem.contains("secret") == false && problem?.problem.contains("0123") == false)
            }
        }
    }
}
