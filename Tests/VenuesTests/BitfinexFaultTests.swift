import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Messages that are missing, wrong, late or of another connection.
@Suite struct BitfinexFaultTests {
    private static let second = ConnectionID(1)

    /// A session with a whole book of ETH/JPY, its channels 146467 (book) and 146481 (trades), and the counter at 22.
    private static func lab() throws -> StreamLab<BitfinexReader> {
        let lab = try BitfinexTests.lab("tETHJPY")
        for text in BitfinexTests.jpySubscriptions { try lab.frame(text) }
        try lab.frame("[146481,[],21]")
        try lab.frame("[146467,[[230850,1,0.79335794],[230820,1,0.39],[230890,2,-1.5]],22]")
        return lab
    }

    @Test func aMissingMessageIsALossOfTheWholeConnection() throws {
        let lab = try Self.lab()
        #expect(try lab.frame("[146467,[230880,1,-3],24]") == .reconnect)
        #expect(lab.counts.gaps == 1 && lab.counts.resyncs == 1 && lab.validity() == .resyncing)
        #expect(lab.counts.depthDropped == 1)
        // The counter goes on from there; the new connection has its own numbers for its own channels.
        #expect(try lab.frame("[146467,[230870,1,-3],25]") == .proceed)
        lab.session.connectionOpened(Self.second, at: Timestamp(nanoseconds: 2_000_000))
        try lab.frame(#"{"event":"conf","status":"OK","flags":65536}"#, from: Self.second)
        try lab.frame(
            BitfinexTests.jpySubscriptions[3].replacingOccurrences(of: "146467", with: "146481"), from: Self.second)
        try lab.frame("[146481,[[230840,1,1],[230890,2,-1.5]],1]", from: Self.second)
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.bids() == [[23_084_000_000_000, 100_000_000]])
        #expect(lab.counts.gaps == 1)
        lab.session.connectionClosed(.main, at: Timestamp(nanoseconds: 3_000_000))
        try lab.frame("[146481,[230841,1,1],2]", from: Self.second)
        #expect(lab.validity() == .valid && lab.bids().count == 2 && lab.isBalanced)
        // A bad book is asked for on the connection that brings it.
        try lab.frame(#"{"event":"conf","status":"OK","flags":196608}"#, from: Self.second)
        #expect(
            try lab.frame(#"[146481,"cs",7,3]"#, at: lab.time(9_000), from: Self.second)
                == .resubscribe(InstrumentID(0)))
        #expect(lab.resubscribeMessages(on: Self.second).first == #"{"event":"unsubscribe","chanId":146481}"#)
    }

    @Test(arguments: ["22", "23", "21", "9223372036854775807", "-1", "0"])
    func onlyTheNextNumberFollows(number: String) throws {
        let lab = try Self.lab()
        let action = try lab.frame("[146467,[230880,1,-3],\(number)]")
        #expect(action == (number == "23" ? .proceed : .reconnect))
        #expect(lab.validity() == (number == "23" ? .valid : .resyncing) && lab.isBalanced)
    }

    /// The loss is told by the next message that can be read.
    @Test func aLossBeforeAnUnreadableMessageIsTold() throws {
        let lab = try Self.lab()
        #expect(throws: VenueError.self) { try lab.frame(#"[146481,"te",[1,2],24]"#) }
        #expect(lab.validity() == .valid, "a trade could not be read; the book is whole")
        #expect(try lab.frame(#"[146481,"hb",25]"#) == .reconnect)
        #expect(lab.counts.gaps == 1 && lab.isBalanced)
    }

    /// Its number counts, so the connection is whole; the book is not.
    @Test func anUnreadableChangeLosesItsBook() throws {
        let lab = try Self.lab()
        #expect(throws: VenueError.self) { try lab.frame(#"[146467,[230880,1,"x"],23]"#) }
        #expect(lab.validity() == .resyncing && lab.counts.rejections[.badNumber] == 1 && lab.counts.resyncs == 1)
        #expect(try lab.frame("[146467,[230880,1,-3],24]") == .resubscribe(InstrumentID(0)))
        #expect(lab.counts.gaps == 1 && lab.isBalanced)
        // One of which the number could not be read is missing.
        let other = try Self.lab()
        #expect(throws: VenueError.self) { try other.frame("[146467,[230880,1,-3") }
        #expect(try other.frame("[146467,[230870,1,-3],24]") == .reconnect)
        #expect(other.counts.gaps == 1 && other.counts.rejections[.truncated] == 1)
    }

    @Test func heartbeats() throws {
        let lab = try Self.lab()
        try lab.frame(#"[146467,"hb",23]"#, at: lab.time(15_000))
        #expect(lab.books.isEmpty && lab.counts.depthApplied == 2 && lab.counts.chainsPassed == 1)
        try lab.frame(#"[146481,"hb",24]"#, at: lab.time(15_000))
        #expect(lab.counts.acknowledgements == 6)
        // The book is the same: a market without changes is not a silent stream.
        for beat in 2..<20 {
            try lab.frame(#"[146467,"hb",\#(23 + Int64(beat))]"#, at: lab.time(Int64(beat) * 15_000))
            #expect(!lab.checkSilence(at: lab.time(Int64(beat) * 15_000 + 14_900)))
        }
        #expect(lab.validity() == .valid)
        #expect(lab.checkSilence(at: lab.time(3_600_000)))
        #expect(lab.validity() == .stale && lab.isBalanced)
    }

    /// What was traded before the first subscription is not new; what was traded while the connection was down is.
    @Test func pastTradesFillWhatWasMissed() throws {
        let lab = try BitfinexTests.lab("tETHJPY")
        for text in BitfinexTests.jpySubscriptions { try lab.frame(text) }
        try lab.frame("[146481,[[12,1617643606120,1.1,230890],[11,1617643586049,-1,230880],[10,1617643586000,1,1]],1]")
        #expect(lab.trades.isEmpty && lab.counts.duplicateTrades == 3)
        try lab.frame(#"[146481,"te",[13,1617643606121,2,230890],2]"#)
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 2_000_000))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 3_000_000))
        try lab.frame("[146481,[],1]")
        #expect(lab.counts.unknownStreams == 1, "the old connection's channels are forgotten")
        for text in BitfinexTests.jpySubscriptions { try lab.frame(text) }
        try lab.frame(
            "[146481,[[15,1617643606123,2,230891],[14,1617643606122,-1,230890],[13,1617643606121,2,230890]],1]")
        #expect(lab.trades.map(\.id) == [14, 15] && lab.trades.map(\.aggressor) == [.sell, .buy])
        #expect(lab.counts.trades == 3 && lab.counts.duplicateTrades == 4 && lab.counts.gaps == 0 && lab.isBalanced)
    }

    @Test(arguments: [
        "[146467,[230880,-1,-3],23]", "[146467,[230880,1,0],23]", "[146467,[0,1,1],23]", "[146467,[-5,1,1],23]",
        "[146467,[230880,0,0],23]", "[146467,[1e300,1,1],23]", "[146467,[230880,1,9e18],23]",
        "[146467,[230880,99999999999999999999,1],23]", "[146467,[230880,1.5,1],23]",
        "[146467,[230880.123456789,1,1],23]",
        "[146467,[230880,1],23]", "[146467,[230880],23]", "[146467,[[230880,1,1],[230881]],23]", "[146467,{},23]",
        "[146467,null,23]", "[146467,7,23]", #"[146467,"cs",4294967296,23]"#, #"[146467,"cs",-2147483649,23]"#,
        #"[146467,"cs",null,23]"#, "[146467,[230880,1,1],null]", "[146467,[230880,1,1],1.5]",
        "[146467]", "[]", "[null,[230880,1,1],23]", "[146467,[230880,1,1],23]]",
        #"[146481,"te",[1,1617643606121,0,230890],23]"#, #"[146481,"te",[-1,1617643606121,1,230890],23]"#,
        #"[146481,"te",[1,9223372036854775807,1,230890],23]"#, #"[146481,"te",[1,0,1,230890],23]"#,
        #"[146481,"te",[1,1617643606121,1],23]"#, #"[146481,"te",[1,1617643606121,1,-2],23]"#,
        #"{"event":"subscribed","channel":"book","symbol":"tETHJPY"}"#, #"{"event":"unsubscribed"}"#, "{}", "7", "",
        #"{"event":"subscribed","chanId":99999999999999999999,"channel":"book","symbol":"tETHJPY"}"#,
    ])
    func nonsenseIsRejectedAndCounted(text: String) throws {
        let lab = try Self.lab()
        #expect(throws: VenueError.self) { try lab.frame(text) }
        #expect(lab.counts.rejections.total == 1 && lab.isBalanced)
        #expect(lab.batch.events.isEmpty && !lab.tellsCrossed)
    }

    @Test func unknownThingsAreCounted() throws {
        let lab = try Self.lab()
        try lab.frame("[7,[230880,1,-3],23]")
        try lab.frame(#"[7,"hb",24]"#)
        try lab.frame(
            #"{"event":"subscribed","channel":"book","chanId":8,"symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25"}"#
        )
        #expect(lab.counts.unknownStreams == 3)
        try lab.frame(#"{"event":"subscribed","channel":"ticker","chanId":9,"symbol":"tETHJPY","pair":"ETHJPY"}"#)
        try lab.frame("[9,[230850,262.68048991,230910,808.4487696],25]")
        // Summed levels and single orders are not what was asked for.
        try lab.frame(
            #"{"event":"subscribed","channel":"book","chanId":10,"symbol":"tETHJPY","prec":"R0","freq":"F0","len":"25"}"#
        )
        try lab.frame("[10,[55888179267,31111,0.05],26]")
        try lab.frame(#"[146481,"fte",[1,2,3,4],27]"#)
        try lab.frame(#"[146467,"zz",[1,2,3,4],28]"#)
        #expect(lab.counts.unknownEvents == 4 && lab.counts.gaps == 0 && lab.validity() == .valid && lab.isBalanced)
    }

    @Test func keysComeInAnyOrder() throws {
        let lab = try BitfinexTests.lab("tETHJPY")
        try lab.frame(#"{"flags":65536,"new":[{}],"status":"OK","event":"conf"}"#)
        try lab.frame(
            #"{"pair":"ETHJPY","prec":"P0","symbol":"tETHJPY","chanId":5,"len":"100","channel":"book","event":"subscribed"}"#
        )
        try lab.frame("[5 , [ [230850, 1, 0.5, \"new\"], [230890,2,-1.5]] , 1 , {}]")
        #expect(lab.bids() == [[23_085_000_000_000, 50_000_000]] && lab.validity() == .valid)
        #expect(
            BitfinexTests.error { try lab.frame(#"{"code":10300,"msg":"symbol: invalid","event":"error"}"#) }
                == .refused(code: 10_300, message: "symbol: invalid"))
    }

    // MARK: Damage

    /// What a connection sends, one after another.
    private static let conversation =
        BitfinexTests.jpySubscriptions + [
            "[146481,[[12,1617643606120,1.1,230890],[11,1617643586049,-1,230880]],1]",
            "[146467,[[230850,1,0.79335794],[230820,1,0.39],[230890,2,-1.5],[230900,1,-2.25]],2]",
            "[146467,[230880,1,-3.5e-7],3]", #"[146481,"te",[13,1617643606121,2,230890],4]"#, "[146467,[230850,0,1],5]",
            #"[146467,"cs",7,6]"#, #"[146481,"tu",[13,1617643606121,2,230890],7]"#, #"[146467,"hb",8]"#,
            #"{"event":"unsubscribed","status":"OK","chanId":146467}"#, #"{"event":"info","code":20051,"msg":"x"}"#,
            #"{"event":"error","msg":"symbol: invalid","code":10300,"symbol":"tNOPE"}"#,
        ]

    @Test func messagesCutOffAnywhereAreCounted() throws {
        let lab = try BitfinexTests.lab("tETHJPY")
        for text in Self.conversation {
            let bytes = Array(text.utf8)
            for count in 0..<bytes.count {
                let before = lab.counts.rejections.total
                #expect(throws: VenueError.self) { try lab.frame(Array(bytes[..<count])) }
                #expect(lab.counts.rejections.total == before + 1)
            }
            _ = lab.failure(bytes)
            #expect(lab.isBalanced)
        }
    }

    @Test(arguments: testSeeds)
    func damagedMessagesNeverHurt(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let lab = try BitfinexTests.lab("tETHJPY")
        for round in 0..<2_000 {
            let connection = ConnectionID(round % 2)
            for text in Self.conversation {
                var bytes = Array(text.utf8)
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                _ = lab.failure(bytes, at: lab.time(Int64(round)), from: connection)
                if lab.tellsCrossed { Issue.record("a crossed book is told VALID after \(text)") }
            }
            if round % 50 == 0 {
                lab.session.connectionClosed(connection, at: Timestamp(nanoseconds: Int64(round) * 1_000_000))
                lab.session.connectionOpened(connection, at: Timestamp(nanoseconds: Int64(round) * 1_000_000))
            }
        }
        #expect(lab.isBalanced)
        // A fresh connection has a whole book again.
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 3_000_000_000))
        lab.session.connectionClosed(Self.second, at: Timestamp(nanoseconds: 3_000_000_000))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 3_000_000_000))
        for text in Self.conversation.prefix(7) { try lab.frame(text, at: lab.time(3_000)) }
        #expect(lab.validity() == .valid && lab.bids().count == 2 && lab.asks().count == 3)
    }
}
