import Foundation
import Microstructure
import Testing

@testable import Venues

/// Books of a venue that may cease to send snapshots in its stream, begun from an answer over HTTP.
@Suite struct OKXStartTests {
    private func lab() throws -> StreamLab<OKXReader> {
        try StreamLab(OKXAdapter(options: .standard), [OKXTests.instrument])
    }

    private func change(
        _ previous: Int64, _ last: Int64, _ price: Int, _ size: Int = 1, _ action: String = "update"
    ) -> String {
        #"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"\#(action)","data":[{"asks":"#
            + #"[["99","1","0","1"]],"bids":[["\#(price)","\#(size)","0","1"]],"ts":"5","checksum":0,"seqId":\#(last),"prevSeqId":\#(previous)}]}"#
    }

    private func answer(_ id: Int64, _ price: Int, ask: Int = 99) -> String {
        #"{"code":"0","msg":"","data":[{"asks":[["\#(ask)","1","0","1"]],"bids":[["\#(price)","1","0","1"]],"ts":"4","#
            + #""seqId":\#(id)}]}"#
    }

    private func time(_ milliseconds: Int64) -> Timestamp {
        OKXTests.after.advanced(byNanoseconds: milliseconds * 1_000_000)
    }

    private let main = InstrumentID(0)

    @Test func theBookIsAskedForByName() throws {
        let lab = try lab()
        #expect(
            lab.session.snapshotRequest(for: main)?.target == "/api/v5/market/books?instId=BTC-USDT&sz=400&source=0")
        #expect(
            lab.session.resubscribeMessages(for: main, on: .main) == [
                #"{"op":"unsubscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#,
                #"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#,
            ])
    }

    /// The venue's own procedure: changes up to the snapshot are passed over, the first later one begins at it or before.
    /// Source: OKX API v5, changelog of 2026-02-12.
    @Test func aStreamWithoutSnapshotIsJoined() throws {
        let lab = try lab()
        #expect(try lab.frame(change(100, 107, 10), at: time(0)) == .fetchSnapshot(main))
        #expect(try lab.frame(change(107, 113, 11), at: time(100)) == .proceed)
        #expect(try lab.frame(change(113, 120, 12), at: time(200)) == .proceed)
        #expect(lab.validity() == .resyncing && lab.counts.depthBuffered == 3 && lab.isBalanced)
        // From between 107 and 113.
        #expect(try lab.snapshot(answer(110, 9), at: time(250)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 1 && lab.books.count == 1)
        #expect(lab.bids().map(\.[0]) == [1_200, 1_100, 900])
        #expect(lab.counts.depthCoveredBySnapshot == 1 && lab.counts.depthApplied == 2 && lab.counts.snapshots == 1)
        try lab.frame(change(120, 130, 12, 7), at: time(300))
        #expect(lab.counts.chainsPassed == 1 && lab.counts.gaps == 0 && lab.isBalanced)
        // From now on only the chain counts.
        #expect(try lab.frame(change(125, 140, 12), at: time(400)) == .fetchSnapshot(main))
        #expect(lab.counts.gaps == 1 && lab.isBalanced)
    }

    /// The answer is ahead of the stream: its changes are in the book already, for a while.
    @Test func anAnswerAheadOfTheStreamWaitsForIt() throws {
        let lab = try lab()
        try lab.frame(change(100, 107, 10), at: time(0))
        try lab.snapshot(answer(125, 9), at: time(50))
        #expect(lab.validity() == .valid && lab.counts.depthCoveredBySnapshot == 1)
        try lab.frame(change(107, 120, 50), at: time(100))
        #expect(lab.counts.depthIgnoredOld == 1 && lab.bids().prefix(1) == [[900, 100000000]])
        try lab.frame(change(120, 130, 10), at: time(200))
        #expect(lab.bids().prefix(1) == [[1000, 100000000]] && lab.counts.gaps == 0 && lab.isBalanced)
        // A stream that stays behind is of another series, and its book would never move again.
        let other = try self.lab()
        try other.frame(change(1, 2, 10), at: time(0))
        try other.snapshot(answer(9_000, 9), at: time(50))
        try other.frame(change(2, 3, 10), at: time(5_000))
        #expect(other.counts.depthIgnoredOld == 1)
        #expect(try other.frame(change(3, 4, 10), at: time(10_100)) == .fetchSnapshot(main))
        #expect(other.validity() == .resyncing && other.isBalanced)
        // So does one that begins anew.
        let anew = try self.lab()
        try anew.frame(change(100, 107, 10), at: time(0))
        try anew.snapshot(answer(125, 9), at: time(50))
        #expect(try anew.frame(change(120, 3, 10), at: time(100)) == .fetchSnapshot(main))
    }

    @Test func anAnswerOlderThanTheStreamIsAskedForAgain() throws {
        let lab = try lab()
        try lab.frame(change(100, 107, 10), at: time(0))
        #expect(try lab.snapshot(answer(90, 9), at: time(50)) == .fetchSnapshot(main))
        #expect(lab.counts.snapshotsTooOld == 1 && lab.validity() == .resyncing && lab.isBalanced)
        try lab.frame(change(107, 110, 11), at: time(100))
        #expect(try lab.snapshot(answer(100, 9), at: time(150)) == .proceed)
        #expect(lab.validity() == .valid && lab.counts.depthApplied == 2 && lab.isBalanced)
    }

    /// A hole between the changes held: what follows it waits for a later answer.
    @Test func aHoleBetweenHeldChangesIsSeen() throws {
        let lab = try lab()
        try lab.frame(change(100, 107, 10), at: time(0))
        try lab.frame(change(110, 115, 11), at: time(100))
        #expect(try lab.snapshot(answer(100, 9), at: time(150)) == .fetchSnapshot(main))
        #expect(lab.counts.gaps == 1 && lab.counts.snapshots == 0 && lab.isBalanced)
        #expect(try lab.snapshot(answer(112, 9), at: time(250)) == .proceed)
        #expect(lab.validity() == .valid && lab.counts.depthApplied == 2 && lab.epoch() == 1 && lab.isBalanced)
    }

    /// After a hole the answer may come before the next change.
    @Test func anAnswerMayComeBeforeTheNextChange() throws {
        let lab = try lab()
        try lab.frame(change(-1, 100, 10, 1, "snapshot"), at: time(0))
        #expect(try lab.frame(change(105, 110, 11), at: time(100)) == .fetchSnapshot(main))
        #expect(try lab.snapshot(answer(112, 9), at: time(150)) == .proceed)
        #expect(lab.validity() == .resyncing, "nothing shows yet that the stream goes on from it")
        try lab.frame(change(110, 120, 12), at: time(200))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.counts.gaps == 1 && lab.isBalanced)
    }

    @Test func aSnapshotInTheStreamBeginsTheBookAtOnce() throws {
        let lab = try lab()
        try lab.frame(change(100, 107, 10), at: time(0))
        try lab.frame(change(-1, 120, 12, 1, "snapshot"), at: time(100))
        #expect(lab.validity() == .valid && lab.counts.depthCoveredBySnapshot == 1 && lab.isBalanced)
        try lab.snapshot(answer(110, 9), at: time(150))
        #expect(lab.counts.snapshotsIgnored == 1 && lab.bids().prefix(9) == [[1200, 100000000]])
        try lab.frame(change(120, 121, 13), at: time(200))
        #expect(lab.validity() == .valid && lab.counts.gaps == 0 && lab.isBalanced)
    }

    /// Neither way is given up: the book is asked for over HTTP and in the stream by turns, every five seconds.
    @Test func bothWaysAreTriedByTurns() throws {
        let lab = try lab()
        var actions: [VenueAction] = []
        for second in 0..<22 {
            let id = Int64(second)
            actions.append(try lab.frame(change(id, id + 1, 10), at: time(1_000 * id)))
        }
        let (http, stream) = (VenueAction.fetchSnapshot(main), VenueAction.resubscribe(main))
        #expect(actions.filter { $0 != .proceed } == [http, stream, http, stream, http])
        #expect(lab.session.snapshotFailed(for: main, at: time(22_000)) == .resubscribe(main))
        #expect(lab.counts.snapshotsFailed == 1 && lab.isBalanced)
        try lab.snapshot(answer(15, 9), at: time(23_000))
        #expect(lab.validity() == .valid && lab.counts.depthCoveredBySnapshot == 15 && lab.counts.depthApplied == 7)
        #expect(lab.session.snapshotFailed(for: main, at: time(24_000)) == .proceed)
    }

    @Test func uselessAnswersAreCounted() throws {
        let lab = try lab()
        try lab.snapshot(answer(5, 9), at: time(0))
        #expect(try lab.frame(change(100, 107, 10), at: time(0)) == .fetchSnapshot(main))
        #expect(lab.counts.snapshotsTooOld == 1)
        #expect(throws: VenueError.refused(code: 51_001, message: "Instrument ID does not exist")) {
            try lab.snapshot(#"{"code":"51001","msg":"Instrument ID does not exist","data":[]}"#)
        }
        let useless = [
            "", "{}", #"{"code":"0"}"#, #"{"code":"0","data":[]}"#, #"{"code":"0","data":[{"asks":[],"bids":[]}]}"#,
            #"{"code":"0","data":[{"asks":[["x"]],"bids":[],"seqId":1}]}"#,
        ]
        for body in useless { #expect(throws: VenueError.self) { try lab.snapshot(body) } }
        #expect(lab.counts.snapshotRejections.total == 6)
        // Its best ask lies below its best bid.
        #expect(try lab.snapshot(answer(105, 9, ask: 8), at: time(50)) == .fetchSnapshot(main))
        #expect(lab.counts.snapshotsCrossed == 1 && lab.validity() == .resyncing)
        try lab.snapshot(answer(105, 9), at: time(60))
        #expect(lab.validity() == .valid && lab.isBalanced)
    }

    /// A second connection's book waits while the first one's is published, and takes over when that ends.
    @Test func eachConnectionHasItsOwnBook() throws {
        let lab = try lab()
        let second = ConnectionID(1)
        try lab.frame(change(100, 107, 10), at: time(0))
        try lab.snapshot(answer(103, 9), at: time(50))
        lab.session.connectionOpened(second, at: time(60))
        #expect(lab.session.instrumentsAwaitingHandover(from: .main, to: second) == 1)
        #expect(try lab.frame(change(105, 109, 11), at: time(100), from: second) == .fetchSnapshot(main))
        try lab.frame(change(107, 110, 12), at: time(110))
        try lab.snapshot(answer(108, 9), at: time(150))
        #expect(lab.books.isEmpty && lab.epoch() == 1 && lab.bids().prefix(1) == [[1200, 100000000]])
        #expect(lab.session.instrumentsAwaitingHandover(from: .main, to: second) == 0)
        lab.session.connectionClosed(.main, at: time(200))
        #expect(lab.epoch() == 2 && lab.bids().prefix(1) == [[1100, 100000000]] && lab.validity() == .valid)
        try lab.frame(change(109, 115, 13), at: time(210), from: second)
        #expect(lab.books.first?.epoch == 2 && lab.counts.gaps == 0 && lab.counts.resyncs == 0 && lab.isBalanced)
    }

    /// An answer begins the book of each connection that waits for one; one that has ended waits no more.
    @Test func anAnswerBeginsEachBookThatWaits() throws {
        let lab = try lab()
        let second = ConnectionID(1)
        lab.session.connectionOpened(second, at: time(0))
        try lab.frame(change(100, 107, 10), at: time(0))
        try lab.frame(change(100, 107, 10), at: time(10), from: second)
        #expect(lab.counts.depthDropped == 0 && lab.counts.depthBuffered == 2)
        lab.session.connectionClosed(.main, at: time(20))
        #expect(lab.counts.depthDropped == 1)
        try lab.snapshot(answer(105, 9), at: time(30))
        #expect(lab.validity() == .valid && lab.epoch() == 1)
        try lab.frame(change(107, 110, 11), at: time(40), from: second)
        #expect(lab.books.count == 1 && lab.counts.gaps == 0 && lab.isBalanced)
    }
}
