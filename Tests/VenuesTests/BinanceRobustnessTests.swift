import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Frames in every other spelling, cut short, and damaged.
@Suite struct BinanceRobustnessTests {
    private static let instruments = [Instrument.spot("BTCUSDT"), Instrument.spot("ETHUSDT")]

    /// A stream that keeps two books alive, with a frame of every kind.
    private static let frames: [String] = [
        combined(
            "btcusdt@depth@100ms",
            depth(
                11, 12, bids: [("99.50", "3.00000000"), ("99.40", "0.00000000")],
                asks: [("101.50", "1.25000000"), ("101.70", "0.50000000")])),
        combined("btcusdt@trade", trade(77)),
        combined("btcusdt@bookTicker", #"{"u":12,"s":"BTCUSDT","b":"100.00","B":"1.0","a":"101.00","A":"2.00000000"}"#),
        depth(11, 13, of: "ETHUSDT", bids: [("99.00", "1")], asks: [("104.00", "0.00000001")]),
        #"{"e":"serverShutdown","E":1770123456789}"#, #"{"result":null,"id":1}"#,
        #"{"error":{"code":2,"msg":"Invalid"},"id":3}"#,
        #"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":1,"p":"1","l":[{"x":"\u0041"}]}}"#,
    ]

    private static func combined(_ stream: String, _ data: String) -> String {
        "{\"stream\":\"\(stream)\",\"data\":\(data)}"
    }

    /// Both books loaded at id 10 and waiting for the update that straddles it.
    private func lab() throws -> Lab {
        let lab = try Lab(BinanceConfiguration(instruments: Self.instruments))
        for (index, symbol) in ["BTCUSDT", "ETHUSDT"].enumerated() {
            try lab.frame(depth(1, 5, of: symbol))
            try lab.snapshot(snapshotBody(10), for: index)
        }
        return lab
    }

    @Test func keyOrderWhiteSpaceAndUnknownKeysDoNotMatter() throws {
        let seed = testSeed
        print("keyOrderWhiteSpaceAndUnknownKeysDoNotMatter seed \(seed)")
        var random = Random(seed: seed)
        for frame in Self.frames {
            let reference = try lab()
            let expected = try? reference.frame(frame, at: 42)
            for _ in 0..<300 {
                let variant = Node(parsing: frame).text(shuffledWith: &random)
                let lab = try lab()
                #expect((try? lab.frame(variant, at: 42)) == expected, "\(variant)")
                #expect(
                    lab.batch.events == reference.batch.events && lab.batch.levels == reference.batch.levels,
                    "\(variant)")
                #expect(lab.session.totalCounts == reference.session.totalCounts && lab.isBalanced, "\(variant)")
            }
        }
    }

    @Test func everyTruncationIsRejectedAndChangesNothing() throws {
        let lab = try lab()
        let before = (lab.book(0), lab.book(1), lab.session.totalCounts)
        var cuts: UInt64 = 0
        for frame in Self.frames {
            let bytes = Array(frame.utf8)
            for length in 0..<bytes.count {
                cuts += 1
                let error = #expect(throws: VenueError.self) { try lab.frame(Array(bytes[..<length])) }
                guard case .rejected(let rejection) = error, rejection.kind == .truncated else {
                    Issue.record("\(frame.prefix(length)): \(String(describing: error))")
                    continue
                }
                #expect(lab.batch.isEmpty)
            }
        }
        var after = lab.session.totalCounts
        #expect(after.rejections[.truncated] == cuts && lab.isBalanced)
        after.rejections = before.2.rejections
        after.messages = before.2.messages
        #expect(after == before.2 && lab.book(0) == before.0 && lab.book(1) == before.1)
        print("\(cuts) truncations rejected")
    }

    @Test func truncatedSnapshotsAreRejected() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 5))
        let body = Array(snapshotBody(4).utf8)
        for length in 0..<body.count {
            #expect(throws: VenueError.self) { try lab.snapshot(Array(body[..<length]), for: 0, at: 1) }
        }
        #expect(lab.counts().snapshotRejections[.truncated] == UInt64(body.count) && lab.epoch() == 0)
        #expect(try lab.snapshot(body, for: 0, at: 1) == .proceed)
        #expect(lab.validity() == .valid)
    }

    @Test func damagedBytesNeverTrapAndAreAllAccountedFor() throws {
        let seed = testSeed
        print("damagedBytesNeverTrapAndAreAllAccountedFor seed \(seed)")
        var random = Random(seed: seed)
        let corpus = (Self.frames + [depth(13, 14, of: "BTCUSDT"), trade(78)]).map { Array($0.utf8) }
        let body = Array(snapshotBody(100).utf8)
        let lab = try lab()
        var thrown: UInt64 = 0
        for round in 0..<100_000 {
            var bytes = corpus.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            do {
                let action = try lab.frame(bytes)
                if case .fetchSnapshot(let id) = action {
                    var damaged = body
                    damaged[Int.random(in: 0..<body.count, using: &random)] ^=
                        1 << UInt8.random(in: 0..<8, using: &random)
                    if (try? lab.snapshot(damaged, for: id.index, at: 1)) == nil {
                        _ = lab.session.snapshotFailed(for: id, at: Timestamp(nanoseconds: 1))
                    }
                }
            } catch {
                thrown += 1
                #expect(lab.batch.isEmpty)
            }
            for update in lab.books {
                let bid = lab.batch.levels[update.bids].first
                let ask = lab.batch.levels[update.asks].first
                if let bid, let ask { #expect(bid.price < ask.price) }
            }
            if round % 1_000 == 0 { #expect(lab.isBalanced) }
        }
        let total = lab.session.totalCounts
        #expect(lab.isBalanced && total.rejections.total + total.venueErrors == thrown)
        let kinds = RejectionKind.allCases.map { "\($0) \(total.rejections[$0])" }.joined(separator: ", ")
        print(
            "100,000 damaged frames: \(thrown) thrown (\(kinds)); \(total.outcomes) of \(total.messages) accounted for")
    }

    /// Frames as the venue writes them are read without `BinanceFrame`, and no other.
    @Test func canonicalFramesAreRecognised() throws {
        let symbols = try #require(SymbolTable(Self.instruments.map(\.symbol)))
        let scales = Self.instruments.map { PriceScale($0) }
        func isCanonical(_ text: String) -> Bool {
            var (bids, asks): ([PriceLevel], [PriceLevel]) = ([], [])
            return JSONScanner.scan(Array(text.utf8).span) { scanner in
                CanonicalFrame(
                    &scanner, symbols: symbols, scales: scales, unit: .microseconds, at: Timestamp(nanoseconds: 1),
                    bids: &bids, asks: &asks) != nil
            }
        }
        for frame in Self.frames.prefix(3) {
            #expect(isCanonical(frame))
            let others = [" \(frame)", "\(frame) ", "\(frame)}", frame.replacing(":", with: ": ")]
            for other in others { #expect(!isCanonical(other)) }
        }
        for frame in Self.frames.dropFirst(3) { #expect(!isCanonical(frame)) }
        #expect(isCanonical(Self.frames[0].replacing("1.25000000", with: "12345.12345678")))
        #expect(isCanonical(Self.frames[1].replacing("\"E\":", with: "\"E\":172")))
    }

    private enum Outcome: Equatable {
        case action(VenueAction)
        case rejection(RejectionKind)
        case refusal
    }

    /// A space before a frame sends it the long way: whatever a frame says, it must say the same on both.
    @Test func bothReadingsOfAFrameSayTheSame() throws {
        let seed = testSeed
        print("bothReadingsOfAFrameSayTheSame seed \(seed)")
        var random = Random(seed: seed)
        let alphabet = Array("{}[]\",:.-0123456789usEabBAtTpqmMtruefals\\ @".utf8)
        var taken = 0
        for _ in 0..<1_000 {
            let (short, long) = (try lab(), try lab())
            for _ in 0..<20 {
                var bytes = Array(Self.frames.randomElement(using: &random)!.utf8)
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...4, using: &random) {
                    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    case 1: bytes.remove(at: place)
                    case 2: bytes.insert(alphabet.randomElement(using: &random)!, at: place)
                    // Numbers of every length, around the lanes' eight and sixteen.
                    case 3:
                        let digits = (0..<Int.random(in: 1...18, using: &random)).map { _ in
                            UInt8(ascii: "0") + .random(in: 0...9, using: &random)
                        }
                        let digit = bytes[place...].firstIndex { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                        bytes.insert(contentsOf: digits, at: digit ?? place)
                    default:
                        let from = bytes[place...].firstIndex(of: UInt8(ascii: "t")) ?? place
                        bytes.replaceSubrange(from...from, with: [alphabet.randomElement(using: &random)!])
                    }
                }
                func outcome(_ lab: Lab, _ bytes: [UInt8]) -> Outcome {
                    do throws(VenueError) {
                        return .action(try lab.frame(bytes, at: 42))
                    } catch {
                        if case .rejected(let rejection) = error { return .rejection(rejection.kind) }
                        return .refusal
                    }
                }
                let text = String(decoding: bytes, as: UTF8.self)
                let result = outcome(short, bytes)
                bytes.insert(UInt8(ascii: " "), at: 0)
                let expected = outcome(long, bytes)
                #expect(result == expected, "\(text)")
                #expect(
                    short.batch.events == long.batch.events && short.batch.levels == long.batch.levels, "\(text)")
                #expect(short.session.totalCounts == long.session.totalCounts, "\(text)")
                if case .action = result, !short.batch.isEmpty { taken += 1 }
            }
            for index in 0..<2 { #expect(short.book(index) == long.book(index)) }
        }
        #expect(taken > 1_000)
    }

    @Test func randomBytesNeverTrap() throws {
        let seed = testSeed
        print("randomBytesNeverTrap seed \(seed)")
        var random = Random(seed: seed)
        let lab = try lab()
        let alphabet = Array("{}[]\",:.-+eE0123456789 truefalsn\\uUbBaAstTpqm".utf8)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...60, using: &random)
            _ = try? lab.frame((0..<count).map { _ in alphabet.randomElement(using: &random)! })
            _ = try? lab.frame((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        #expect(lab.isBalanced)
    }
}

/// Just enough of JSON to write the same value differently: objects are taken apart, all else is kept as text.
indirect enum Node {
    case object([(key: String, value: Node)])
    case other(String)

    init(parsing text: String) {
        guard text.first == "{" else {
            self = .other(text)
            return
        }
        var members: [(String, Node)] = []
        for member in Self.split(text.dropFirst().dropLast()) {
            let colon = member.firstIndex(of: ":")!
            members.append((String(member[..<colon]), Node(parsing: String(member[member.index(after: colon)...]))))
        }
        self = .object(members)
    }

    /// At the commas that are in no bracket and no string.
    private static func split(_ text: Substring) -> [String] {
        var parts = [""]
        var depth = 0
        var isInString = false
        for character in text {
            if character == "\"" { isInString.toggle() }
            if !isInString, "[{".contains(character) { depth += 1 }
            if !isInString, "]}".contains(character) { depth -= 1 }
            if character == ",", depth == 0, !isInString {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts.filter { !$0.isEmpty }
    }

    func text(shuffledWith random: inout Random) -> String {
        func space() -> String {
            (0..<Int.random(in: 0...2, using: &random)).map { _ in
                [" ", "\n", "\t", "\r"].randomElement(using: &random)!
            }
            .joined()
        }
        switch self {
        case .other(let text):
            return space() + text.replacing("],[", with: "]\(space()),\(space())[") + space()
        case .object(let members):
            var parts = members.map { member in
                "\(space())\(member.key)\(space()):\(member.value.text(shuffledWith: &random))"
            }
            let unknown = ["{\"b\":[1]}", "[[],{}]", "\"x\\\"y\"", "-1.5e9", "null", "true"].randomElement(
                using: &random)!
            parts.append("\"unknown\":\(unknown)")
            return "\(space()){\(parts.shuffled(using: &random).joined(separator: ","))\(space())}\(space())"
        }
    }
}
