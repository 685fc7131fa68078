import Testing
import ZeroMQ

extension ZeroMQTests {
    @Suite struct Patterns {
        /// Every transport that reaches another socket; `*` lets the system choose.
        static let transports = ["tcp://127.0.0.1:*", "ipc://*", "inproc://patterns"]

        @Test(arguments: transports) func publishesByExactPrefix(transport: String) throws {
            let context = try Context()
            let publisher = try Socket(.xpub, in: context, options: options())
            let endpoint = try publisher.bind(transport)
            let subscriber = try Socket(.sub, in: context, options: options())
            try subscriber.subscribe("tick.BTCUSD|")
            try subscriber.connect(endpoint)
            #expect(try nextTexts(from: publisher) == ["\u{1}tick.BTCUSD|"])

            for (topic, body) in [
                ("tick.BTCUSDT|", "longer symbol"), ("tick.BTCUSD", "no bar"), ("tick.BTCUSD|", "exact"),
                ("feature.BTCUSD|", "other kind"), ("tick.BTCUSD|book|", "continued"),
            ] {
                #expect(try publisher.offer(topic, body) == .sent)
            }
            #expect(try nextTexts(from: subscriber) == ["tick.BTCUSD|", "exact"])
            #expect(try nextTexts(from: subscriber) == ["tick.BTCUSD|book|", "continued"])

            try subscriber.unsubscribe("tick.BTCUSD|")
            #expect(try nextTexts(from: publisher) == ["\u{0}tick.BTCUSD|"])
            #expect(try publisher.offer("tick.BTCUSD|", "after") == .sent)
            try subscriber.subscribe("end")
            #expect(try nextTexts(from: publisher) == ["\u{1}end"])
            #expect(try publisher.offer("end", "") == .sent)
            #expect(try nextTexts(from: subscriber) == ["end", ""])
        }

        @Test func plainPubReachesASubscriberThatJoined() throws {
            let context = try Context()
            let publisher = try Socket(.pub, in: context, options: options())
            let endpoint = try publisher.bind("tcp://127.0.0.1:*")
            let subscriber = try Socket(.sub, in: context, options: options())
            try subscriber.subscribe("")
            try subscriber.connect(endpoint)
            var message = Message()
            let joined = try holds {
                _ = try publisher.offer("probe")
                return try subscriber.has(&message)
            }
            #expect(joined)
            #expect(message.text(0) == "probe")
        }

        @Test func xsubSubscribesAndUnsubscribes() throws {
            let context = try Context()
            let publisher = try Socket(.xpub, in: context, options: options())
            let endpoint = try publisher.bind("tcp://127.0.0.1:*")
            let subscriber = try Socket(.xsub, in: context, options: options())
            try subscriber.connect(endpoint)
            try subscriber.subscribe("a")
            #expect(try nextTexts(from: publisher) == ["\u{1}a"])
            #expect(try publisher.offer("b", "no") == .sent)
            #expect(try publisher.offer("a", "yes") == .sent)
            #expect(try nextTexts(from: subscriber) == ["a", "yes"])
            try subscriber.unsubscribe("a")
            #expect(try nextTexts(from: publisher) == ["\u{0}a"])
        }

        @Test func xpubVerboseReportsEverySubscriber() throws {
            let context = try Context()
            let publisher = try Socket(.xpub, in: context, options: options { $0.xpubVerbose = true })
            let endpoint = try publisher.bind("tcp://127.0.0.1:*")
            let first = try Socket(.sub, in: context, options: options())
            let second = try Socket(.sub, in: context, options: options())
            try first.subscribe("same")
            try first.connect(endpoint)
            #expect(try nextTexts(from: publisher) == ["\u{1}same"])
            try second.subscribe("same")
            try second.connect(endpoint)
            #expect(try nextTexts(from: publisher) == ["\u{1}same"])
        }

        @Test(arguments: transports) func pushesAndPulls(transport: String) throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            let endpoint = try sink.bind(transport)
            let source = try Socket(.push, in: context, options: options())
            try source.connect(endpoint)
            #expect(try source.send([bytes("a"), [], bytes("c")]))
            let single = [UInt8](0...255)
            #expect(try source.send(single.span.bytes))
            #expect(try nextTexts(from: sink) == ["a", "", "c"])
            var message = Message()
            #expect(try sink.receive(into: &message))
            #expect(message.frameCount == 1)
            #expect(message.frame(0) == single)
            let sum = message.withFrame(0) { frame in frame.indices.reduce(0) { $0 + Int(frame[$1]) } }
            #expect(sum == 255 * 128)
        }

        @Test func routerAnswersTheDealerItNames() throws {
            let context = try Context()
            let router = try Socket(.router, in: context, options: options { $0.routerMandatory = true })
            let endpoint = try router.bind("tcp://127.0.0.1:*")
            let first = try Socket(.dealer, in: context, options: options { $0.routingID = bytes("first") })
            let second = try Socket(.dealer, in: context, options: options { $0.routingID = bytes("second") })
            try first.connect(endpoint)
            try second.connect(endpoint)
            #expect(try second.send([bytes("since 41")]))
            #expect(try nextTexts(from: router) == ["second", "since 41"])
            #expect(try first.send([bytes("since 7")]))
            #expect(try nextTexts(from: router) == ["first", "since 7"])
            #expect(try router.offer([bytes("second"), bytes("42"), bytes("x")]) == .sent)
            #expect(try router.offer([bytes("first"), bytes("8"), bytes("y")]) == .sent)
            #expect(try nextTexts(from: second) == ["42", "x"])
            #expect(try nextTexts(from: first) == ["8", "y"])
            #expect(try router.offer([bytes("nobody"), bytes("?")]) == .unreachable)
            #expect(throws: ZMQError.self) { try router.send([bytes("nobody"), bytes("?")]) }
        }

        @Test func requestsAndRepliesInTurn() throws {
            let context = try Context()
            let server = try Socket(.rep, in: context, options: options())
            let endpoint = try server.bind("inproc://turns")
            let client = try Socket(.req, in: context, options: options())
            try client.connect(endpoint)
            #expect(try client.send([bytes("question")]))
            let outOfTurn = #expect(throws: ZMQError.self) { try client.send([bytes("again")]) }
            #expect(outOfTurn?.call == "zmq_msg_send")
            #expect(try nextTexts(from: server) == ["question"])
            #expect(try server.send([bytes("answer")]))
            #expect(try nextTexts(from: client) == ["answer"])
        }

        @Test func pairsTalkBothWays() throws {
            let context = try Context()
            let left = try Socket(.pair, in: context, options: options())
            let right = try Socket(.pair, in: context, options: options())
            let endpoint = try left.bind("inproc://pair")
            try right.connect(endpoint)
            #expect(try left.offer("to the right") == .sent)
            #expect(try right.offer("to the left") == .sent)
            #expect(try nextTexts(from: right) == ["to the right"])
            #expect(try nextTexts(from: left) == ["to the left"])
        }

        @Test func conflateKeepsTheNewest() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options { $0.conflate = true })
            let source = try Socket(.push, in: context, options: options())
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            try source.connect(endpoint)
            for number in 1...500 { #expect(try source.send([bytes("\(number)")])) }
            var message = Message()
            var received = 0
            let last = try holds {
                guard try sink.tryReceive(into: &message) == .received else { return false }
                received += 1
                return message.text(0) == "500"
            }
            #expect(last)
            #expect(received >= 1 && received <= 500)
        }

        @Test func anOverlongMessageIsDrainedAndCounted() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            let source = try Socket(.push, in: context, options: options())
            let endpoint = try sink.bind("inproc://overlong")
            try source.connect(endpoint)
            var message = Message(maximumFrames: 2)
            for _ in 1...2 {
                #expect(try source.send([[UInt8]](repeating: [UInt8](repeating: 7, count: 100), count: 5)))
            }
            #expect(try source.send([bytes("one"), bytes("two")]))
            #expect(try sink.tryReceive(into: &message) == .overlong)
            #expect(message.frameCount == 0)
            #expect(message.overlongMessages == 1)
            #expect(try sink.receive(into: &message))
            #expect(message.overlongMessages == 2)
            #expect(message.frameCount == 2)
            #expect(message.text(1) == "two")
            #expect(try sink.tryReceive(into: &message) == .wouldBlock)
            #expect(message.frameCount == 0)
        }

        @Test func aHundredThousandMessagesArriveOnceAndInOrder() throws {
            let count = 100_000
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            let sender = Worker {
                let source = try Socket(.push, in: context)
                try source.connect(endpoint)
                let topic = bytes("tick.binance.BTCUSDT.trade|")
                for number in 0..<count {
                    let body = [UInt64(number)]
                    guard try source.send(topic: topic.span.bytes, body: body.span.bytes) else { return false }
                }
                return true
            }
            var message = Message()
            var expected: UInt64 = 0
            var misplaced = 0
            for _ in 0..<count {
                guard try next(from: sink, into: &message) else { break }
                let number = message.withFrame(1) { $0.bytes.unsafeLoadUnaligned(as: UInt64.self) }
                if message.frameCount != 2 || number != expected { misplaced += 1 }
                expected += 1
            }
            #expect(try sender.join())
            #expect(expected == UInt64(count))
            #expect(misplaced == 0)
            #expect(try sink.tryReceive(into: &message) == .wouldBlock)
        }
    }
}
