import Foundation
import Microstructure
import TestSupport
import Testing
import ZeroMQ

extension ZeroMQTests {
    @Suite struct HostilePeers {
        @Test(.enabled(if: Curve.isAvailable)) func theRightKeysTalk() throws {
            let context = try Context()
            let (server, client) = (try Curve.generateKeyPair(), try Curve.generateKeyPair())
            #expect(server.publicKey.utf8.count == 40)
            #expect(server.publicKey != client.publicKey)
            #expect(try CurveKeys(secretKey: server.secretKey) == server)
            #expect(try CurveKeys(publicKey: server.publicKey, secretKey: server.secretKey) == server)

            let sink = try Socket(.pull, in: context, options: options { $0.curve = .server(server) })
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let source = try Socket(
                .push, in: context,
                options: options { $0.curve = .client(client, serverPublicKey: server.publicKey) })
            try source.connect(endpoint)
            #expect(try source.send([bytes("secret")]))
            #expect(try nextTexts(from: sink) == ["secret"])
        }

        enum Stranger: CaseIterable { case wrongServerKey, plainText }

        @Test(.enabled(if: Curve.isAvailable), arguments: Stranger.allCases)
        func othersDoNot(stranger: Stranger) throws {
            let context = try Context()
            let (server, client, other) = (
                try Curve.generateKeyPair(), try Curve.generateKeyPair(), try Curve.generateKeyPair()
            )
            let sink = try Socket(.pull, in: context, options: options { $0.curve = .server(server) })
            var monitor = try sink.monitor()
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let source = try Socket(
                .push, in: context,
                options: options {
                    switch stranger {
                    case .wrongServerKey: $0.curve = .client(client, serverPublicKey: other.publicKey)
                    case .plainText: $0.curve = nil
                    }
                })
            try source.connect(endpoint)
            #expect(try source.offer("let me in") == .sent)
            let failures: Set<MonitorEvent.Kind> = [
                .handshakeFailed, .handshakeFailedProtocol, .handshakeFailedAuthentication, .handshakeSucceeded,
            ]
            let event = try #require(try monitor.wait(for: failures, timeoutMilliseconds: patienceMilliseconds))
            #expect(event.kind != .handshakeSucceeded)
            var message = Message()
            #expect(try sink.tryReceive(into: &message) == .wouldBlock)

            // The server is unharmed.
            let friend = try Socket(
                .push, in: context,
                options: options { $0.curve = .client(client, serverPublicKey: server.publicKey) })
            try friend.connect(endpoint)
            #expect(try friend.send([bytes("friend")]))
            #expect(try nextTexts(from: sink) == ["friend"])
        }

        @Test(.enabled(if: Curve.isAvailable)) func badKeysAreErrorsAndSecretsAreNotPrinted() throws {
            let (keys, other) = (try Curve.generateKeyPair(), try Curve.generateKeyPair())
            for text in ["", "short", keys.secretKey + "0", String(repeating: "\u{7f}", count: 40)] {
                let error = #expect(throws: ZMQError.self) { try CurveKeys(secretKey: text) }
                #expect(error?.subject == "the secret key must be 40 characters of Z85")
            }
            #expect(throws: ZMQError.self) {
                try CurveKeys(publicKey: other.publicKey, secretKey: keys.secretKey)
            }
            #expect(!"\(keys)".contains(keys.secretKey))
            #expect(!String(reflecting: keys).contains(keys.secretKey))
            var dumped = ""
            dump(CurveRole.server(keys), to: &dumped)
            #expect(dumped.contains(keys.publicKey))
            #expect(!dumped.contains(keys.secretKey))
            let context = try Context()
            do {
                _ = try Socket(
                    .push, in: context, options: options { $0.curve = .client(keys, serverPublicKey: "nonsense") })
                Issue.record("a server key of eight characters")
            } catch {
                #expect(error.subject == "the server's public key must be 40 characters of Z85")
            }
        }

        @Test func anOversizeFrameIsRefusedAndItsSenderDisconnected() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.maximumMessageBytes = 1_000 })
            var monitor = try sink.monitor()
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let source = try Socket(.push, in: context, options: options())
            try source.connect(endpoint)
            #expect(try source.send([[UInt8](repeating: 1, count: 1_000)]))
            var message = Message()
            #expect(try next(from: sink, into: &message))
            #expect(message.frameSize(0) == 1_000)
            #expect(try source.send([[UInt8](repeating: 2, count: 1_001)]))
            #expect(try monitor.wait(for: [.disconnected], timeoutMilliseconds: patienceMilliseconds) != nil)
            #expect(
                try monitor.wait(for: [.handshakeSucceeded], timeoutMilliseconds: patienceMilliseconds) != nil)
            #expect(try source.send([bytes("small again")]))
            #expect(try nextTexts(from: sink) == ["small again"])
        }

        /// What precedes the random bytes of a connection: they then reach deeper into the protocol.
        enum Disguise: CaseIterable {
            case none, greeting, handshake

            /// ZMTP 3.0 (https://rfc.zeromq.org/spec/23/): signature, version, mechanism NULL; then a READY command.
            var opening: [UInt8] {
                let greeting: [UInt8] =
                    [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + bytes("NULL")
                    + [UInt8](repeating: 0, count: 16 + 1 + 31)
                let ready: [UInt8] =
                    [5] + bytes("READY") + [11] + bytes("Socket-Type") + [0, 0, 0, 4] + bytes("PUSH")
                switch self {
                case .none: return []
                case .greeting: return greeting
                case .handshake: return greeting + [4, UInt8(ready.count)] + ready
                }
            }
        }

        @Test(arguments: Disguise.allCases) func randomBytesDoNotHarmABoundSocket(disguise: Disguise) throws {
            var generator = SplitMix64(testSeed: testSeed)
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.maximumMessageBytes = 100_000 })
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let port = try #require(UInt16(endpoint.split(separator: ":").last ?? ""))
            var message = Message(maximumFrames: 3)
            for round in 1...20 {
                let descriptor = try connectPlainly(to: port)
                let garbage = disguise.opening + (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
                // The socket may hang up in the middle; that is its right.
                garbage.withUnsafeBytes { _ = send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                shutdown(descriptor, Int32(SHUT_WR))
                // Read until the other side hangs up, so that it has seen everything.
                var buffer = [UInt8](repeating: 0, count: 4096)
                var timeout = timeval(tv_sec: 2, tv_usec: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
                var count = 1
                while count > 0 { count = recv(descriptor, &buffer, buffer.count, 0) }
                let reason = errno
                #expect(count == 0 || reason == ECONNRESET, "round \(round), first byte \(garbage[0]), errno \(reason)")
                close(descriptor)
            }
            let source = try Socket(.push, in: context, options: options())
            try source.connect(endpoint)
            #expect(try source.send([bytes("the honest one"), bytes("\(testSeed)")]))
            // Random bytes behind a valid handshake may form valid messages, which come first.
            let found = try holds {
                try sink.tryReceive(into: &message) == .received && message.frameCount == 2
                    && message.text(0) == "the honest one" && message.text(1) == "\(testSeed)"
            }
            #expect(found)
        }

        private func connectPlainly(to port: UInt16) throws -> Int32 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            try #require(descriptor >= 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(result == 0)
            return descriptor
        }
    }
}
