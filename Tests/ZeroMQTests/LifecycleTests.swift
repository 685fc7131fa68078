import Foundation
import Testing
import ZeroMQ

extension ZeroMQTests {
    @Suite struct Lifecycle {
        @Test func namesTheVersion() {
            #expect(ZeroMQVersion.string.split(separator: ".").count == 3)
            #expect(ZeroMQVersion.string.hasPrefix("4."))
        }

        @Test func shutdownEndsABlockedReceiveInAnotherThread() throws {
            let context = try Context()
            let receiver = Worker {
                let sink = try Socket(.pull, in: context)
                try sink.bind("inproc://silent")
                var message = Message()
                return try sink.receive(into: &message)
            }
            #expect(receiver.waitUntilAsleep())
            context.shutdown()
            context.shutdown()
            #expect(try receiver.join() == false)
        }

        @Test func shutdownEndsABlockedSendInAnotherThread() throws {
            let context = try Context()
            let sender = Worker {
                let source = try Socket(.push, in: context)
                return try source.send([bytes("nobody pulls")])
            }
            #expect(sender.waitUntilAsleep())
            context.shutdown()
            #expect(try sender.join() == false)
        }

        @Test func afterShutdownEveryCallSaysSo() throws {
            let context = try Context()
            let socket = try Socket(.dealer, in: context, options: options())
            context.shutdown()
            var message = Message()
            #expect(try socket.tryReceive(into: &message) == .shutdown)
            #expect(try socket.receive(into: &message) == false)
            #expect(try socket.offer("late") == .shutdown)
            #expect(try socket.offer("late", "late") == .shutdown)
            #expect(try socket.send([bytes("late")]) == false)
            let error = #expect(throws: ZMQError.self) { try socket.bind("tcp://127.0.0.1:*") }
            #expect(error?.isShutdown == true)
            do {
                _ = try Socket(.pub, in: context)
                Issue.record("a socket in a context that was shut down")
            } catch {
                #expect(error.isShutdown)
                #expect(error.call == "zmq_socket")
            }
        }

        @Test func messagesSentBeforeTheEndAreDeliveredWithinTheLinger() throws {
            let receiving = try Context()
            let sink = try Socket(.pull, in: receiving, options: options())
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let sender = Worker {
                let context = try Context()
                let source = try Socket(.push, in: context)
                try source.connect(endpoint)
                for number in 0..<500 where try source.offer("topic", "\(number)") != .sent { return false }
                context.shutdown()
                return true
            }
            #expect(try sender.join())
            for number in 0..<500 { #expect(try nextTexts(from: sink) == ["topic", "\(number)"]) }
        }

        @Test func signalsDoNotEndABlockedReceive() throws {
            installInterruptingHandler()
            let context = try Context()
            let sink = "inproc://interrupted"
            let receiver = Worker {
                let socket = try Socket(.pull, in: context)
                try socket.bind(sink)
                var message = Message()
                guard try socket.receive(into: &message) else { return "shut down" }
                return message.text(0)
            }
            for _ in 1...20 {
                try #require(receiver.waitUntilAsleep())
                try #require(receiver.interrupt())
            }
            let source = try Socket(.push, in: context, options: options())
            try source.connect(sink)
            #expect(try source.send([bytes("finally")]))
            #expect(try receiver.join() == "finally")
        }

        @Test func aTakenPortIsNamed() throws {
            let context = try Context()
            let first = try Socket(.pub, in: context, options: options())
            let endpoint = try first.bind("tcp://127.0.0.1:*")
            #expect(!endpoint.hasSuffix("*"))
            #expect(try first.lastEndpoint == endpoint)
            let second = try Socket(.pub, in: context, options: options())
            let error = try #require(#expect(throws: ZMQError.self) { try second.bind(endpoint) })
            #expect(error.isAddressInUse)
            #expect(error.call == "zmq_bind")
            #expect(error.subject == endpoint)
            #expect(error.description == "zmq_bind(\(endpoint)) failed: Address already in use (errno 98)")
            try first.unbind(endpoint)
            // The I/O thread closes the listener a little later.
            #expect(holds { (try? second.bind(endpoint)) == endpoint })
        }

        @Test(arguments: ["", "tcp://", "tcp://127.0.0.1:99999", "carrier-pigeon://x", "ipc:///no/such/directory/x"])
        func badEndpointsAreErrors(endpoint: String) throws {
            let context = try Context()
            let socket = try Socket(.pub, in: context, options: options())
            let error = #expect(throws: ZMQError.self) { try socket.bind(endpoint) }
            #expect(error?.subject == endpoint)
            #expect(throws: ZMQError.self) { try socket.disconnect("tcp://127.0.0.1:9") }
        }

        @Test(arguments: [
            "", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:-1", "no-such://x",
        ])
        func badPeersAreErrors(endpoint: String) throws {
            let context = try Context()
            let socket = try Socket(.sub, in: context, options: options())
            let error = #expect(throws: ZMQError.self) { try socket.connect(endpoint) }
            #expect(error?.call == "zmq_connect")
            #expect(error?.subject == endpoint)
        }

        @Test func badOptionsAreNamed() throws {
            let context = try Context()
            func subject(_ kind: Socket.Kind, _ change: (inout SocketOptions) -> Void) -> String? {
                do {
                    _ = try Socket(kind, in: context, options: options(change))
                    return nil
                } catch {
                    #expect(error.call == "zmq_setsockopt")
                    return error.subject
                }
            }
            #expect(subject(.pub) { $0.routerMandatory = true } == "ZMQ_ROUTER_MANDATORY=1")
            #expect(subject(.push) { $0.sendHighWaterMark = -1 } == "ZMQ_SNDHWM=-1")
            #expect(subject(.push) { $0.receiveHighWaterMark = 1 << 40 } == "ZMQ_RCVHWM=\(1 << 40)")
            #expect(subject(.push) { $0.maximumMessageBytes = -2 } == "ZMQ_MAXMSGSIZE=-2")
            #expect(subject(.dealer) { $0.routingID = [] } == "ZMQ_ROUTING_ID, 0 bytes")
            #expect(throws: ZMQError.self) { try Context(ioThreads: 0) }
            #expect(throws: ZMQError.self) { try Context(maximumSockets: 0) }
        }

        @Test func everyOptionIsAccepted() throws {
            let context = try Context(ioThreads: 2, maximumSockets: 10)
            let common: (inout SocketOptions) -> Void = {
                $0.maximumMessageBytes = nil
                $0.connectTimeoutMilliseconds = 100
                $0.handshakeIntervalMilliseconds = 500
                $0.heartbeatIntervalMilliseconds = 50
                $0.heartbeatTimeoutMilliseconds = 5_000
                $0.heartbeatTimeToLiveMilliseconds = 10_000
                $0.tcpKeepalive = .on(idleSeconds: 30, intervalSeconds: 5, count: 3)
                $0.ipv6 = true
            }
            let publisher = try Socket(
                .xpub, in: context,
                options: options {
                    common(&$0)
                    $0.xpubVerboser = true
                })
            let endpoint = try publisher.bind("tcp://127.0.0.1:*")
            let subscriber = try Socket(
                .sub, in: context,
                options: options {
                    common(&$0)
                    $0.tcpKeepalive = .off
                })
            try subscriber.subscribe("")
            try subscriber.connect(endpoint)
            #expect(try nextTexts(from: publisher) == ["\u{1}"])
            let router = try Socket(.router, in: context, options: options { $0.routerHandover = true })
            #expect(router.kind == .router)
        }

        @Test func theContextLimitsItsSockets() throws {
            let context = try Context(maximumSockets: 1)
            let only = try Socket(.pub, in: context, options: options())
            do {
                _ = try Socket(.pub, in: context, options: options())
                Issue.record("more sockets than allowed")
            } catch {
                #expect(error.code == EMFILE)
            }
            #expect(only.kind == .pub)
        }

        @Test func aPeerThatComesBackIsFoundAgain() throws {
            let context = try Context()
            let source = try Socket(.push, in: context, options: options())
            var endpoint = "tcp://127.0.0.1:*"
            for round in 1...3 {
                let sink = try Socket(.pull, in: context, options: options())
                // The listener of the round before closes in the background.
                #expect(
                    holds {
                        guard let bound = try? sink.bind(endpoint) else { return false }
                        endpoint = bound
                        return true
                    })
                if round == 1 { try source.connect(endpoint) }
                var monitor = try source.monitor([.disconnected])
                // A message handed to a connection that is already dead goes with it, so repeat until one arrives.
                var message = Message()
                #expect(
                    try holds {
                        _ = try source.offer("topic", "round \(round)")
                        return try sink.has(&message)
                    })
                sink.close()
                #expect(try monitor.wait(for: [.disconnected], timeoutMilliseconds: patienceMilliseconds) != nil)
            }
        }

        @Test func opensAndClosesWithoutLeakingDescriptors() throws {
            func descriptors() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
            }
            func cycle() throws {
                let context = try Context()
                let sink = try Socket(.pull, in: context, options: options())
                let source = try Socket(.push, in: context, options: options())
                let monitor = try sink.monitor()
                try source.connect(try sink.bind("tcp://127.0.0.1:*"))
                #expect(try source.send([bytes("x")]))
                #expect(try nextTexts(from: sink) == ["x"])
                #expect(throws: ZMQError.self) { try sink.bind("tcp://nonsense") }
                if let wrong = try? Socket(.pub, in: context, options: options { $0.routerMandatory = true }) {
                    Issue.record("\(wrong.kind) took a router's option")
                }
                _ = monitor
            }
            try cycle()
            let before = try descriptors()
            for _ in 1...500 { try cycle() }
            #expect(try descriptors() == before)
        }
    }
}

extension Socket {
    /// Ends the socket here instead of at the end of its scope.
    consuming func close() {}
}
