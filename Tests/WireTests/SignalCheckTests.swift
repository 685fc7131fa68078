import Testing

@testable import Wire

/// Which signals every reader takes, and which field of the others it names.
@Suite struct SignalCheckTests {
    static let sound: ProtoSignal = {
        var signal = ProtoSignal()
        signal.id = "0000000000000001-BTCUSDT-drift"
        signal.venue = "binance"
        signal.symbol = "BTCUSDT"
        signal.type = "drift"
        signal.score = 0.5
        signal.detectedTimeNs = 1
        return signal
    }()

    private typealias Change = (inout ProtoSignal) -> Void

    @Test func takesWhatTheContractAllows() throws {
        let changes: [Change] = [
            { _ in }, { $0.score = 0 }, { $0.score = 1 }, { $0.symbol = "币安人生USDT" },
            { $0.symbol = String(repeating: "币", count: ProtoSignal.symbolLimit) }, { $0.symbol = "BTCUSDT_240628" },
            { $0.threshold = .nan }, { $0.probability = .nan }, { $0.probability = 1 },
            { $0.detectedTimeNs = ProtoSignal.timeRange.upperBound },
            { $0.id = String(repeating: "x", count: ProtoSignal.idLimit) },
            { $0.logSequence = ProtoSignal.sequenceLimit },
            { $0.evidence = Array(repeating: ProtoEvidence(), count: ProtoSignal.evidenceLimit) },
        ]
        for change in changes {
            var signal = Self.sound
            change(&signal)
            try signal.validate()
        }
    }

    @Test func namesTheFieldThatItRefuses() {
        var longName = ProtoEvidence()
        longName.detector = String(repeating: "d", count: ProtoSignal.nameLimit + 1)
        let changes: [(field: String, change: Change)] = [
            ("score", { $0.score = 1.5 }), ("score", { $0.score = -0.1 }), ("score", { $0.score = .nan }),
            ("score", { $0.score = .infinity }), ("score", { $0.score = 1.0.nextUp }),
            ("threshold", { $0.threshold = 2 }), ("threshold", { $0.threshold = -.infinity }),
            ("probability", { $0.probability = -1 }), ("time", { $0.detectedTimeNs = .min }),
            ("time", { $0.detectedTimeNs = -1 }), ("time", { $0.onsetTimeNs = .max }),
            ("time", { $0.venueTimeNs = .min }), ("time", { $0.loggedTimeNs = .min }), ("id", { $0.id = "" }),
            ("id", { $0.id = String(repeating: "x", count: ProtoSignal.idLimit + 1) }), ("id", { $0.id = "a\nb" }),
            ("venue", { $0.venue = "" }), ("venue", { $0.venue = "Binance" }),
            ("venue", { $0.venue = String(repeating: "b", count: 33) }), ("type", { $0.type = "DRIFT" }),
            ("type", { $0.type = "" }), ("type", { $0.type = "drift-up" }), ("symbol", { $0.symbol = "" }),
            ("symbol", { $0.symbol = "BTC.USDT" }), ("symbol", { $0.symbol = "A|B" }),
            ("symbol", { $0.symbol = "A B" }), ("symbol", { $0.symbol = "\u{202E}BTC" }),
            ("symbol", { $0.symbol = "A\u{0}" }),
            ("symbol", { $0.symbol = String(repeating: "é", count: ProtoSignal.symbolLimit + 1) }),
            ("metric", { $0.metric = String(repeating: "m", count: ProtoSignal.nameLimit + 1) }),
            ("evidence", { $0.evidence = Array(repeating: ProtoEvidence(), count: ProtoSignal.evidenceLimit + 1) }),
            ("evidence", { $0.evidence = [longName] }), ("sequence", { $0.logSequence = .max }),
        ]
        for (field, change) in changes {
            var signal = Self.sound
            change(&signal)
            let error = #expect(throws: WireError.self, "\(field)") { try signal.validate() }
            #expect(
                error?.kind == "invalid_field" && error?.description.contains(field) == true,
                "\(field): \(error?.description ?? "")")
        }
    }
}
