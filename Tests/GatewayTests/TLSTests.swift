@testable import Runtime
import Foundation
import Logging
import Microstructure
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Gateway

extension GatewayTests {
    /// TLS as foreign clients speak it: curl and OpenSSL's own.
    @Suite struct TLSTests {
        /// A folder with a certificate for `localhost`, its key, and files that cannot be used.
        final class Files {
            let folder = FileManager.default.temporaryDirectory.appending(path: "gateway-tls-\(UUID().uuidString)")
            var certificate: String { path("c.pem") }
            var key: String { path("k.pem") }

            init() throws {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try make("c.pem", "k.pem", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
            }

            deinit { try? FileManager.default.removeItem(at: folder) }

            func path(_ name: String) -> String { folder.path + "/" + name }

            func make(_ certificate: String, _ key: String, _ algorithm: String...) throws {
                let made = try run(
                    ["openssl", "req", "-x509", "-newkey"] + algorithm + [
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", path(key), "-out", path(certificate),
                    ])
                #expect(made.status == 0, "\(made.output)")
            }

            func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
                try Data(bytes).write(to: URL(filePath: path(name)))
                return path(name)
            }

            func server() throws -> GatewayConfiguration.Server {
                var server = GatewayConfiguration.Server(host: "127.0.0.1", port: 0)
                server.tls = try GatewayConfiguration.tls(certificate: certificate, key: key)
                return server
            }

            /// A gateway with this certificate, and the arguments with which curl trusts it.
            func serve(
                handshakeLimit: TimeAmount? = nil,
                _ body: @escaping @Sendable (inout Bench, _ base: String, _ curl: [String]) throws -> Void
            ) async throws {
                // curl reads the certificate as long as `body` runs.
                defer { withExtendedLifetime(self) {} }
                var server = try server()
                if let handshakeLimit { server.tls?.handshakeLimit = handshakeLimit }
                let certificate = certificate
                try await Bench.run(server) { bench in
                    let curl = [
                        "curl", "-sS", "--max-time", "60", "--resolve", "localhost:\(bench.port):127.0.0.1", "--cacert",
                        certificate,
                    ]
                    try body(&bench, "https://localhost:\(bench.port)", curl)
                }
            }
        }

        private static func client(_ port: Int, _ arguments: String...) -> [String] {
            ["openssl", "s_client", "-connect", "127.0.0.1:\(port)"] + arguments
        }

        private static func failures(_ kind: TLSFailures.Kind) -> Double {
            metric(MetricName.tlsFailures, #"{reason="\#(kind.rawValue)"}"#)
        }

        @Test func tlsServesWhatPlainTextServes() async throws {
            try await Files().serve { bench, base, curl in
                let health = try run(curl + [base + "/health"])
                #expect(health.status == 0 && health.output.contains(#""status":"ok""#), "\(health.output)")
                let posted = try run(
                    curl + ["-H", "Content-Type: application/json", "-d", PostTests.example, base + "/api/v1/signals"])
                #expect(posted.output.contains("buy_imbalance"), "\(posted.output)")
                let listed = try run(curl + [base + "/api/v1/signals"])
                #expect(listed.output.contains("buy_imbalance"), "\(listed.output)")
                // A client that does not know the certificate refuses it.
                #expect(try run(curl.dropLast(2) + [base + "/health"]).status == 60)
            }
        }

        @Test func manyRequestsShareAConnection() async throws {
            try await Files().serve { _, base, curl in
                let answers = try run(
                    curl + [
                        "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n",
                        base + "/api/v1/signals?limit=[1-300]",
                    ])
                let lines = answers.output.split(separator: "\n")
                #expect(
                    lines.count == 300 && lines.allSatisfy { $0.hasPrefix("200 ") }, "\(answers.output.prefix(500))")
                #expect(lines.count { $0.hasSuffix(" 1") } == 1)
            }
        }

        @Test func aLargePageArrivesWhole() async throws {
            try await Files().serve { bench, base, curl in
                for number in 1...300 { try bench.publish(number, padding: 10_000) }
                let last = base + "/api/v1/signals/" + Bench.id(300)
                #expect(try eventually { try run(curl + ["-f", "-o", "/dev/null", last]).status == 0 })
                let page = try run(curl + [base + "/api/v1/signals?limit=1000"])
                let list = try JSONDecoder().decode(SignalList.self, from: Data(page.output.utf8))
                #expect(list.signals.count == 300 && page.output.utf8.count > 3_000_000)
                // The body that a client sends is refused, but read to the end of what is allowed.
                let upload = try run(
                    curl + [
                        "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json", "-H",
                        "Expect:",
                        "--data-binary", "@/bin/bash", base + "/api/v1/signals",
                    ])
                #expect(upload.output.contains("413"), "\(upload.output)")
            }
        }

        /// Megabytes both ways at once, in records and pieces of all sizes, then the orderly end.
        @Test(arguments: ["-tls1_2", "-tls1_3"]) func megabytesComeBackAsSent(version: String) async throws {
            let files = try Files()
            let tls = try #require(try files.server().tls)
            var random = SplitMix64(testSeed: testSeed)
            let bytes = (0..<5_000_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let sent = try files.write("sent", bytes)
            let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            TLSHandler(
                                tls.context, handshakeLimit: tls.handshakeLimit,
                                failures: TLSFailures(Logger(label: "tests"))))
                        try channel.pipeline.syncOperations.addHandler(Echo(until: bytes.count))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(server.localAddress?.port)
            let output = files.path("received")
            try await onThread {
                let answer = try run(Self.client(port, "-quiet", version), input: sent, output: output)
                #expect(answer.status == 0 && !answer.output.contains("unexpected eof"), "\(answer.output)")
            }
            #expect(FileManager.default.contents(atPath: output) == Data(bytes))
            try await server.close()
        }

        /// Sends back what it gets, as fast as the client takes it, and closes after so many bytes.
        private final class Echo: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            typealias OutboundOut = ByteBuffer
            private var left: Int

            init(until count: Int) { left = count }

            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                left -= unwrapInboundIn(data).readableBytes
                let written = context.writeAndFlush(data)
                guard left <= 0 else { return }
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                written.whenComplete { _ in bound.value.close(promise: nil) }
            }
        }

        @Test func aStreamOfSignalsIsLive() async throws {
            try await Files().serve { bench, base, curl in
                let stream = Process()
                let received = Pipe()
                stream.executableURL = URL(filePath: "/usr/bin/env")
                stream.arguments = curl + ["-N", base + "/api/v1/signals/stream"]
                stream.standardOutput = received
                try stream.run()
                defer { stream.terminate() }
                func next(_ text: String) -> Bool {
                    var seen = ""
                    while !seen.contains(text) {
                        let bytes = received.fileHandleForReading.availableData
                        if bytes.isEmpty { return false }
                        seen += String(decoding: bytes, as: UTF8.self)
                    }
                    return true
                }
                #expect(next("retry: "))
                for number in 1...5 {
                    try bench.publish(number)
                    #expect(next("id: " + Bench.id(number)))
                }
            }
        }

        @Test func twoHundredConnectionsAtOnce() async throws {
            try await Files().serve { bench, base, curl in
                // Each is open for more than a second, and all of them are opened at once.
                let answers = try run(
                    curl + [
                        "-Z", "--parallel-immediate", "--parallel-max", "200", "-o", "/dev/null", "-w",
                        "%{http_code} %{num_connects}\n", base + "/api/v1/signals/stream?seconds=2.[100-299]",
                    ])
                let lines = answers.output.split(separator: "\n").filter { $0.hasPrefix("200 1") }
                #expect(lines.count == 200, "\(answers.output.prefix(500))")
                #expect(try run(curl + [base + "/health"]).status == 0)
            }
        }

        @Test func httpIsNegotiatedAndTheEndIsSaid() async throws {
            let files = try Files()
            let request = try files.write(
                "request", "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
            try await files.serve { bench, _, _ in
                let both = try run(Self.client(bench.port, "-alpn", "h2,http/1.1"))
                #expect(both.output.contains("ALPN protocol: http/1.1"), "\(both.output)")
                let other = try run(Self.client(bench.port, "-alpn", "h2"))
                #expect(other.output.contains("No ALPN negotiated"), "\(other.output)")
                let again = try run(Self.client(bench.port, "-tls1_2", "-reconnect"))
                #expect(again.output.contains("Reused, TLSv1.2"), "\(again.output)")
                let ended = try run(Self.client(bench.port, "-quiet"), input: request)
                #expect(ended.status == 0 && ended.output.contains("200 OK"), "\(ended.output)")
                #expect(!ended.output.contains("unexpected eof"), "\(ended.output)")
            }
        }

        @Test func whatIsNoTLSIsRefusedAndCounted() async throws {
            try await Files().serve(handshakeLimit: .milliseconds(300)) { bench, base, curl in
                var before = Self.failures(.handshake)
                let plain = try Connection(port: bench.port)
                try plain.sendRequest("GET", "/health")
                #expect(try plain.read { $0.isAtEnd } && !plain.text.contains("200 OK"))
                #expect(eventually { Self.failures(.handshake) == before + 1 })
                // A client that has 1.1 and no qualms.
                before = Self.failures(.handshake)
                let old = try run(Self.client(bench.port, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"))
                #expect(old.status != 0 && old.output.contains("alert protocol version"), "\(old.output)")
                #expect(eventually { Self.failures(.handshake) == before + 1 })
                // The first bytes of a handshake, and then nothing.
                before = Self.failures(.timeout)
                let slow = try Connection(port: bench.port)
                try slow.send("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}")
                #expect(try slow.read { $0.isAtEnd })
                #expect(eventually { Self.failures(.timeout) == before + 1 })
                // The first bytes of a handshake, and then the end.
                before = Self.failures(.closed)
                for bytes in ["\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", ""] { try Connection(port: bench.port).send(bytes) }
                #expect(eventually { Self.failures(.closed) == before + 2 })
                #expect(try run(curl + [base + "/health"]).status == 0)
            }
        }

        @Test func filesThatCannotBeUsedAreNamed() throws {
            let files = try Files()
            try files.make("c2.pem", "k2.pem", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
            try files.make("c3.pem", "k3.pem", "rsa:2048")
            let locked = files.path("locked.pem")
            #expect(
                try run(["openssl", "ec", "-in", files.key, "-aes256", "-passout", "pass:secret", "-out", locked])
                    .status
                    == 0)
            let (empty, noise) = (try files.write("empty", []), try files.write("noise", [0, 1, 2, 255]))
            for (certificate, key, setting, file) in [
                (files.certificate, files.path("k2.pem"), "--tls-key", "k2.pem' is not the key of"),
                (files.certificate, files.path("k3.pem"), "--tls-key", "k3.pem' is not the key of"),
                (files.certificate, "/nowhere.pem", "--tls-key", "'/nowhere.pem' holds no private key"),
                (files.certificate, locked, "--tls-key", "locked.pem' holds no private key"),
                (files.certificate, empty, "--tls-key", "empty' holds no private key"),
                (files.certificate, files.certificate, "--tls-key", "c.pem' holds no private key"),
                ("/nowhere.pem", files.key, "--tls-certificate", "No such file"),
                (files.folder.path, files.key, "--tls-certificate", files.folder.path),
                (files.key, files.key, "--tls-certificate", "k.pem' holds no certificate"),
                (empty, files.key, "--tls-certificate", "empty' holds no certificate"),
                (noise, files.key, "--tls-certificate", "noise' holds no certificate"),
            ] {
                let error = #expect(throws: ConfigurationError.self, "\(key)") {
                    try GatewayConfiguration.tls(certificate: certificate, key: key)
                }
                #expect(error?.setting == setting && error?.problem.contains(file) == true, "\(error?.problem ?? "")")
            }
            for (certificate, key) in [(files.certificate, nil), (nil, files.key)] as [(String?, String?)] {
                #expect(throws: ConfigurationError.self) {
                    try GatewayConfiguration.tls(certificate: certificate, key: key)
                }
            }
            #expect(try GatewayConfiguration.tls(certificate: nil, key: nil) == nil)
            #expect(try GatewayConfiguration.tls(certificate: files.path("c3.pem"), key: files.path("k3.pem")) != nil)
        }

        @Test(.enabled(if: ProcessTests.isBuilt, "api-gateway is not built"))
        func aWrongKeyEndsTheProcessWith78() async throws {
            let files = try Files()
            try files.make("c2.pem", "k2.pem", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
            let command = [
                ProcessTests.executable.path, "--check-config", "--tls-certificate", files.certificate, "--tls-key",
            ]
            let wrong = try run(command + [files.path("k2.pem")])
            #expect(wrong.status == 78 && wrong.output.contains("k2.pem"), "\(wrong.output)")
            #expect(try run(command + [files.key]).status == 0)
        }
    }
}

/// Runs a program with the file `input`, or nothing, on its standard input. Standard output goes to the file `output` where
/// one is named.
private func run(
    _ arguments: [String], input: String = "/dev/null", output: String? = nil
) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
    process.standardOutput = pipe
    process.standardError = pipe
    if let output {
        try Data().write(to: URL(filePath: output))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
    }
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
}
