import Testing

@testable import ZeroMQ

/// Contexts whose sockets prove who they are, over real connections.
@Suite(.enabled(if: Curve.isAvailable)) struct CurveSecurityTests {
    /// Who tries to get in.
    enum Client: CaseIterable { case sharedKey, listed, unlisted, plainText }

    @Test(arguments: Client.allCases)
    func onlyListedClientsGetIn(client: Client) throws {
        let (shared, listed, stranger) = (
            try Curve.generateKeyPair(), try Curve.generateKeyPair(), try Curve.generateKeyPair()
        )
        let server = try Context(
            security: CurveSecurity(keys: shared, allowedClients: [shared.publicKey, listed.publicKey]))
        let sink = try Socket(.pull, in: server)
        var monitor = try sink.monitor()
        let endpoint = try sink.bind("tcp://127.0.0.1:*")
        let security: CurveSecurity? =
            switch client {
            case .sharedKey: try CurveSecurity(keys: shared)
            case .listed: try CurveSecurity(keys: listed, serverPublicKey: shared.publicKey)
            // It knows the server's public key, which is no secret, and that is not enough.
            case .unlisted: try CurveSecurity(keys: stranger, serverPublicKey: shared.publicKey)
            case .plainText: nil
            }
        let source = try Socket(.push, in: try Context(security: security))
        try source.connect(endpoint)
        #expect(try source.offer("let me in") == .sent)
        let ends: Set<MonitorEvent.Kind> = [
            .handshakeFailed, .handshakeFailedProtocol, .handshakeFailedAuthentication, .handshakeSucceeded,
        ]
        let event = try #require(try monitor.wait(for: ends, timeoutMilliseconds: patienceMilliseconds))
        let isWelcome = client == .sharedKey || client == .listed
        #expect((event.kind == .handshakeSucceeded) == isWelcome, "\(event.kind)")
        if isWelcome {
            #expect(try nextTexts(from: sink) == ["let me in"])
        } else {
            var message = Message()
            #expect(try sink.tryReceive(into: &message) == .wouldBlock)
        }
    }

    /// With no list, whoever knows the server's public key gets in.
    @Test func withoutAListTheServersKeyIsEnough() throws {
        let (keys, other) = (try Curve.generateKeyPair(), try Curve.generateKeyPair())
        let sink = try Socket(.pull, in: try Context(security: CurveSecurity(keys: keys)))
        let endpoint = try sink.bind("tcp://127.0.0.1:*")
        let source = try Socket(
            .push, in: try Context(security: CurveSecurity(keys: other, serverPublicKey: keys.publicKey)))
        try source.connect(endpoint)
        #expect(try source.send([bytes("hello")]))
        #expect(try nextTexts(from: sink) == ["hello"])
    }

    /// The gate's own socket must keep no context alive, however often there is one.
    @Test(.timeLimit(.minutes(1))) func contextsWithAGateEnd() throws {
        let keys = try Curve.generateKeyPair()
        for _ in 0..<50 {
            let context = try Context(security: CurveSecurity(keys: keys, allowedClients: [keys.publicKey]))
            let socket = try Socket(.rep, in: context)
            try socket.bind("tcp://127.0.0.1:*")
        }
    }

    @Test func badKeysAreErrors() throws {
        let keys = try Curve.generateKeyPair()
        #expect(throws: ZMQError.self) { try CurveSecurity(keys: keys, serverPublicKey: "short") }
        #expect(throws: ZMQError.self) { try CurveSecurity(keys: keys, allowedClients: ["short"]) }
        #expect(!"\(try CurveSecurity(keys: keys))".contains(keys.secretKey))
    }
}
