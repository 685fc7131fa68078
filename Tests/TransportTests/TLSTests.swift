import Testing

@testable import Transport

extension TransportTests {
    struct TLSTests {
        let loop: EventLoop
        let certificates: Certificates
        init() throws {
            loop = try EventLoop()
            certificates = try Certificates()
            try certificates.issue("good", names: "DNS:localhost,IP:127.0.0.1")
            try certificates.issue("elsewhere", names: "DNS:example.org")
            try certificates.issue("expired", names: "DNS:localhost", expired: true)
        }

        private func serve(_ name: String, _ delegate: Recorder = .echo()) throws -> Server {
            var options = ServerOptions()
            options.tlsCertificateFile = certificates.path("\(name).pem")
            options.tlsKeyFile = certificates.path("\(name).key")
            return try loop.listen(options, delegate: Site(webSocket: delegate))
        }

        private func connect(
            _ server: Server, host: String = "localhost", trusting authority: String?, allowSelfSigned: Bool = false
        ) throws -> Recorder {
            let client = Recorder()
            var request = WebSocketRequest(url: "wss://\(host):\(server.port)/")
            request.tls = TLSOptions(
                caFile: authority.map { certificates.path($0) }, allowSelfSigned: allowSelfSigned)
            client.onOpen = { connection in
                _ = connection.send(pattern(300_000), kind: .binary)
            }
            _ = loop.connect(request, delegate: client)
            #expect(run(loop) { !client.messages.isEmpty || !client.closes.isEmpty })
            return client
        }

        private func fetch(_ server: Server, host: String = "localhost", trusting authority: String?) throws -> Outcome
        {
            let client = try HTTPClient()
            defer { client.shutdown() }
            let outcome = Outcome()
            var request = HTTPRequest(url: "https://\(host):\(server.port)/")
            request.tls = TLSOptions(caFile: authority.map { certificates.path($0) })
            client.send(request, completion: outcome.set)
            #expect(run(loop) { outcome.isSet })
            return outcome
        }

        @Test(arguments: ["localhost", "127.0.0.1"]) func goodCertificateIsAccepted(host: String) throws {
            let server = try serve("good")
            let client = try connect(server, host: host, trusting: "ca.pem")
            #expect(client.messages.first?.bytes == pattern(300_000))
            #expect(client.closes.isEmpty)
            let answer = try fetch(server, host: host, trusting: "ca.pem").get()
            #expect(answer.status == 200)
        }

        @Test(
            arguments: [
                ("good", "other-ca.pem"), ("good", nil), ("elsewhere", "ca.pem"), ("expired", "ca.pem"),
            ] as [(String, String?)])
        func badCertificateIsRefused(name: String, authority: String?) throws {
            let server = try serve(name)
            let client = try connect(server, trusting: authority)
            #expect(client.opened.isEmpty)
            guard case .failed(let message, nil) = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
            #expect(client.closes.count == 1 && !message.isEmpty)
            guard case .tls(let text) = try fetch(server, trusting: authority).error else {
                Issue.record("not a TLS error")
                return
            }
            #expect(text.hasPrefix("https://localhost: "))
            // Leniency towards self-signed certificates is none towards these.
            if authority != nil {
                let lenient = try connect(server, trusting: authority, allowSelfSigned: true)
                #expect(lenient.opened.isEmpty && lenient.closes.count == 1)
            }
        }

        @Test func selfSignedCertificateNeedsPermission() throws {
            try certificates.signItself("alone", names: "DNS:localhost")
            let server = try serve("alone")
            #expect(try connect(server, trusting: "ca.pem").opened.isEmpty)
            #expect(try connect(server, trusting: "ca.pem", allowSelfSigned: true).messages.count == 1)
        }

        @Test func unreadableAuthorityFileIsOneTypedClose() throws {
            let server = try serve("good")
            let client = try connect(server, trusting: "missing.pem")
            guard case .failed(let message, nil) = client.closes.first else {
                Issue.record("\(client.closes)")
                return
            }
            #expect(message.contains("missing.pem"))
            guard case .tls = try fetch(server, trusting: "missing.pem").error else {
                Issue.record("not a TLS error")
                return
            }
        }

        @Test func plainTalkOnATLSPortEnds() throws {
            let server = try serve("good")
            let raw = try RawSocket(port: server.port)
            raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(run(loop) { raw.hasEnded })
            let client = Recorder()
            _ = loop.connect(WebSocketRequest(url: "ws://localhost:\(server.port)/"), delegate: client)
            #expect(run(loop) { client.closes.count == 1 })
            let after = try connect(server, trusting: "ca.pem")
            #expect(after.messages.count == 1, "the server serves on")
        }
    }
}
