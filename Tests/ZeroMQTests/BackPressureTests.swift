import Testing
import ZeroMQ

extension ZeroMQTests {
    @Suite struct BackPressure {
        /// Offers numbered two-frame messages until one is refused; how many were accepted.
        func fill(_ socket: borrowing Socket, from first: Int = 0) throws -> Int {
            var number = first
            while number < 100_000, try socket.offer("topic", "\(number)") == .sent { number += 1 }
            return number - first
        }

        /// Takes all that is there and checks that messages are whole and consecutive; how many there were.
        func drain(_ socket: borrowing Socket, from first: Int = 0) throws -> Int {
            var message = Message()
            var number = first
            while try socket.tryReceive(into: &message) == .received {
                #expect(message.frameCount == 2)
                #expect(message.text(0) == "topic")
                #expect(message.text(1) == "\(number)")
                number += 1
            }
            return number - first
        }

        @Test func pushRefusesWholeMessagesAtTheMark() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.receiveHighWaterMark = 5 })
            let source = try Socket(.push, in: context, options: options { $0.sendHighWaterMark = 5 })
            try source.connect(try sink.bind("inproc://mark"))
            #expect(try fill(source) == 10)
            #expect(try source.offer("topic", "refused") == .backPressured)
            #expect(try source.offer([bytes("a"), bytes("b"), bytes("c")]) == .backPressured)
            #expect(try drain(sink) == 10)
            let more = try fill(source, from: 10)
            #expect(more > 0 && more <= 10)
            #expect(try drain(sink, from: 10) == more)
        }

        @Test(arguments: 1...3) func roomThatAPeerMadeIsSeenAtOnce(frames: Int) throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.receiveHighWaterMark = 1 })
            let source = try Socket(.push, in: context, options: options { $0.sendHighWaterMark = 1 })
            try source.connect(try sink.bind("inproc://room"))
            for _ in 1...100 {
                while try source.offer("topic", "x") == .sent {}
                var message = Message()
                while try sink.tryReceive(into: &message) == .received {}
                let outcome =
                    switch frames {
                    case 1: try source.offer("x")
                    case 2: try source.offer("topic", "x")
                    default: try source.offer([bytes("a"), bytes("b"), bytes("c")])
                    }
                #expect(outcome == .sent)
            }
        }

        @Test func pushWithoutPeersRefusesOrQueuesToItsMark() throws {
            let context = try Context()
            let unbound = try Socket(.push, in: context, options: options())
            #expect(try unbound.offer("topic", "nobody") == .backPressured)
            // Port 1 refuses connections: nothing listens there.
            let waiting = try Socket(.push, in: context, options: options { $0.sendHighWaterMark = 7 })
            try waiting.connect("tcp://127.0.0.1:1")
            #expect(try fill(waiting) == 7)
            let immediate = try Socket(.push, in: context, options: options { $0.immediate = true })
            try immediate.connect("tcp://127.0.0.1:1")
            #expect(try immediate.offer("topic", "nobody") == .backPressured)
        }

        @Test func tcpPeerThatDoesNotReadBackPressuresAndLosesNothing() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.receiveHighWaterMark = 10 })
            let source = try Socket(.push, in: context, options: options { $0.sendHighWaterMark = 10 })
            try source.connect(try sink.bind("tcp://127.0.0.1:*"))
            let body = [UInt8](repeating: 42, count: 500_000)
            let topic = bytes("t")
            var sent = 0
            // The I/O thread moves messages on in the background, so a refusal counts when the kernel is full too.
            var refusals = 0
            while refusals < 1_000, sent < 10_000 {
                if try source.offer(topic: topic.span.bytes, body: body.span.bytes) == .sent {
                    sent += 1
                    refusals = 0
                } else {
                    refusals += 1
                }
            }
            #expect(refusals == 1_000)
            var message = Message()
            for _ in 0..<sent {
                #expect(try next(from: sink, into: &message))
                #expect(message.frameCount == 2)
                #expect(message.frameSize(1) == body.count)
            }
            #expect(try sink.tryReceive(into: &message) == .wouldBlock)
        }

        @Test(arguments: [Socket.Kind.xpub, .pub]) func noDropRefusesForASlowSubscriber(kind: Socket.Kind) throws {
            let context = try Context()
            let publisher = try Socket(
                kind, in: context,
                options: options {
                    $0.xpubNoDrop = true
                    $0.sendHighWaterMark = 4
                })
            let subscriber = try Socket(.sub, in: context, options: options { $0.receiveHighWaterMark = 4 })
            try subscriber.subscribe("topic")
            try subscriber.connect(try publisher.bind("inproc://slow"))
            #expect(try fill(publisher) == 8)
            #expect(try publisher.offer("unrelated", "") == .sent)
            #expect(try drain(subscriber) == 8)
            #expect(try publisher.offer("topic", "8") == .sent)
            #expect(try drain(subscriber, from: 8) == 1)
        }

        @Test func plainPubDropsForASlowSubscriberAndNeverHalfAMessage() throws {
            let context = try Context()
            let publisher = try Socket(.pub, in: context, options: options { $0.sendHighWaterMark = 4 })
            let subscriber = try Socket(.sub, in: context, options: options { $0.receiveHighWaterMark = 4 })
            try subscriber.subscribe("")
            try subscriber.connect(try publisher.bind("inproc://dropping"))
            for number in 0..<50 { #expect(try publisher.offer("topic", "\(number)") == .sent) }
            #expect(try drain(subscriber) == 8)
        }

        @Test func blockingCallsEndWithTheirTimeOut() throws {
            let context = try Context()
            let source = try Socket(.push, in: context, options: options { $0.sendTimeoutMilliseconds = 5 })
            let refused = #expect(throws: ZMQError.self) { try source.send([bytes("a")]) }
            #expect(refused?.isTimeout == true)
            let sink = try Socket(.pull, in: context, options: options { $0.receiveTimeoutMilliseconds = 5 })
            var message = Message()
            do {
                _ = try sink.receive(into: &message)
                Issue.record("nothing was sent")
            } catch {
                #expect(error.isTimeout)
                #expect(error.subject == "ZMQ_RCVTIMEO")
            }
        }

        @Test func aMessageHasFrames() throws {
            let context = try Context()
            let source = try Socket(.push, in: context, options: options())
            let error = #expect(throws: ZMQError.self) { try source.offer([]) }
            #expect(error?.subject == "a message without frames")
        }
    }
}
