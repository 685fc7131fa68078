import TestSupport
@testable import Bus
import Foundation
import Logging
import Testing
import Wire
import ZeroMQ

/// Keys on the bus: from the setting to what a stranger hears.
@Suite(.enabled(if: Curve.isAvailable)) struct BusSecurityTests {
    /// `ingest` with keys is heard by who is on its list, and by nobody else, over TCP.
    @Test(.timeLimit(.minutes(2))) func onlyThoseWithAKeyHearTheTicks() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (system, consumer, stranger) = (
            try Curve.generateKeyPair(), try Curve.generateKeyPair(), try Curve.generateKeyPair()
        )
        let secret = folder.appending(path: "secret")
        try Data((system.secretKey + "\n").utf8).write(to: secret)
        let allowed = folder.appending(path: "allowed")
        try Data("# who may listen\n\(consumer.publicKey) a consumer\n".utf8).write(to: allowed)
        let (exchange, ticks) = (freePort(), freePort())
        let simulator = try Program(
            "exchange-sim", ["--port", "\(exchange)", "--synthetic", "BTCUSDT", "--metrics-port", "0"], in: folder)
        #expect(await eventually { await Web.get("http://127.0.0.1:\(exchange)/api/v3/ping") != nil })
        let ingest = try Program(
            "ingest",
            [
                "--symbols", "BTCUSDT", "--publish", "tcp://127.0.0.1:\(ticks)", "--websocket-url",
                "ws://127.0.0.1:\(exchange)", "--rest-url", "http://127.0.0.1:\(exchange)", "--metrics-port", "0",
                "--lease-dir", folder.appending(path: "leases").path,
            ], in: folder,
            environment: ["CURVE_SECRET_KEY_FILE": secret.path, "CURVE_ALLOWED_KEYS_FILE": allowed.path])
        func listener(_ security: CurveSecurity?) throws -> Subscriber {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            return try Subscriber(
                EndpointDirectory([.plain("tcp://127.0.0.1:\(ticks)")], logger: logger),
                topics: [Topic.prefix(.tick)], in: try Context(security: security), logger: logger)
        }
        var plain = try listener(nil)
        var unlisted = try listener(CurveSecurity(keys: stranger, serverPublicKey: system.publicKey))
        var listed = try listener(CurveSecurity(keys: consumer, serverPublicKey: system.publicKey))
        var same = try listener(CurveSecurity(keys: system))
        func next(_ subscriber: inout Subscriber) throws -> Delivery? {
            try subscriber.next(timeoutMilliseconds: 60_000)
        }
        #expect(try next(&listed) != nil, "\(ingest.logText)")
        #expect(try next(&same) != nil)
        // The market has been heard for a while: whoever is silent now was not let in.
        for _ in 0..<100 { #expect(try next(&listed) != nil) }
        #expect(try plain.next(timeoutMilliseconds: 0) == nil)
        #expect(try unlisted.next(timeoutMilliseconds: 0) == nil)
        #expect(!ingest.logText.contains(system.secretKey))
        for program in [ingest, simulator] {
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0, "\(program.logText)")
        }
    }

    @Test(arguments: [
        (["CURVE_SECRET_KEY": "short"], "CURVE keys: the secret key must be 40 characters of Z85"),
        (["CURVE_SERVER_KEY": String(repeating: "a", count: 40)], "CURVE_SECRET_KEY: is missing"),
        (["FEATURES_CURVE_SECRET_KEY_FILE": "/nonexistent"], "names a file that cannot be read"),
    ])
    func badKeysAreRefused(environment: [String: String], problem: String) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try Program("features", ["--check-config"], in: folder, environment: environment)
        #expect(await program.exitCode() == 78)
        #expect(program.logText.contains(problem), "\(program.logText)")
    }

    /// What `microlab keys` prints can be used, and no check prints a secret.
    @Test func keysAreMadeAndKeptSecret() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let maker = try Program("microlab", ["keys"], in: folder)
        #expect(await maker.exitCode() == 0)
        let lines = maker.outputText.split(separator: "\n").map(String.init)
        let keys = try CurveKeys(publicKey: try #require(lines.first), secretKey: try #require(lines.last))
        let check = try Program(
            "features", ["--check-config"], in: folder, tag: "-check",
            environment: ["CURVE_SECRET_KEY": keys.secretKey])
        #expect(await check.exitCode() == 0)
        #expect(check.outputText.contains("curveSecretKey = (set)"), "\(check.outputText)")
        #expect(!check.outputText.contains(keys.secretKey))
    }
}
