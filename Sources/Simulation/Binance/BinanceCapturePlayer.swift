import Microstructure

/// Plays a recording of one Binance symbol: lines of `receive_ns JSON`, where the JSON is a message of the combined
/// endpoint or, once, the recorder's REST snapshot. Frames are sent verbatim, spaced by their receive times.
///
/// Update ids, gaps and snapshots follow this venue's own integrity rules. Another venue's recordings need their own
/// player, which shares `LineSource`, `CaptureError` and `MarketClock` with this one.
///
/// **The book.** The player maintains the exchange's book (the recorded snapshot plus all later depth events sent), so
/// that a snapshot fits the stream at any moment. Before the snapshot's line, requests get the recorded snapshot
/// itself; on the exchange, too, a snapshot may be newer than the stream. After a gap in the recording's ids, requests
/// get no answer until the next snapshot line.
///
/// **The hold.** At the first snapshot line of a pass, where the recorder waited for its own snapshot, the market
/// pauses until a client requests one. There is no hold if a client has fetched the snapshot since the first frame of
/// the pass. So a client's data does not depend on speed. `release()` ends a hold that no client ends.
///
/// **Loops.** Each further pass adds a constant to all update ids, trade ids and times, so that they keep increasing.
/// The recording's last book differs from its first, so the seam is a real gap in U/u (trade ids continue without one):
/// clients resynchronise as after any gap, and do not mistake the price jump for a move.
public struct BinanceCapturePlayer<Source: LineSource>: SimulatedMarket {
    /// The pause between two passes, in ms of market time.
    static var seamMilliseconds: Int64 { 1_000 }
    /// Update ids missing at a seam.
    static var seamIDs: Int64 { 1_000 }
    /// Lines read ahead: at least the lower bound, to estimate latency; at most the upper, to find the snapshot.
    static var lookahead: ClosedRange<Int> { 1_024...20_000 }
    /// Depth events kept for a later snapshot; above it the older half is dropped.
    static var unsettledLimit: Int { 4_096 }

    private enum Upcoming {
        case line(BinanceCaptureLine, due: Int64, pass: Int64)
        case end
        case failed(CaptureError)
    }

    public let listing: Listing
    public let startTime: Timestamp
    /// Lines that were neither a frame nor a snapshot.
    public private(set) var skippedLines = 0
    /// Gaps in U/u inside the recording.
    public private(set) var holes = 0
    /// Passes begun, from 1.
    public var passes: Int64 { pass + 1 }

    private var source: Source
    private let loops: Bool
    private let recorded: BinanceCaptureBook
    private let firstReceiveTime: Int64
    private var lookahead: [BinanceCaptureLine]
    private var lookaheadUsed = 0
    private var failureBehindLookahead: CaptureError?
    private var linesRead: Int
    private var upcoming = Upcoming.end

    /// The pass of the last line read, and the offset at which that pass starts.
    private var readPass: Int64 = 0
    private var readDue: Int64 = 0
    private var passStart: Int64 = 0
    private var updateIDs: ClosedRange<Int64>?
    private var tradeIDs: ClosedRange<Int64>?
    private var lastEventTime: Int64 = 0
    /// The shift that each further pass adds; known at the end of the first pass.
    private var step = PassShift()

    /// The pass of the last frame sent.
    private var pass: Int64 = 0
    private var shift = PassShift()
    private var book: BinanceCaptureBook?
    private var unsettled: [(line: BinanceCaptureLine, frame: BinanceCaptureLine.Frame)] = []
    private var hasSent = false
    private var isAnswered = false
    private var isPastSnapshot = false

    /// Reads ahead up to the first snapshot.
    ///
    /// - Throws: `CaptureError` for a bad line among the first lines, or if the first 20,000 lines contain no snapshot.
    ///   A later bad line is thrown once the frames before it are delivered.
    public init(_ source: Source, loops: Bool = false) throws(CaptureError) {
        self.source = source
        self.loops = loops
        var lines: [BinanceCaptureLine] = []
        var recorded: BinanceCaptureBook?
        var symbol: String?
        var start: Int64?
        var count = 0
        while lines.count < Self.lookahead.lowerBound || recorded == nil, lines.count < Self.lookahead.upperBound {
            let line: BinanceCaptureLine
            do {
                guard let next = try Self.read(&self.source, &count) else { break }
                line = next
            } catch {
                // Play the lines before a bad line.
                guard recorded != nil else { throw error }
                failureBehindLookahead = error
                break
            }
            switch line.content {
            case .snapshot where recorded == nil:
                recorded = BinanceCaptureBook(snapshot: line.bytes)
                guard recorded != nil else { throw CaptureError(line: count, problem: .badSnapshot) }
            case .frame(let frame):
                symbol = symbol ?? Self.symbol(of: frame.stream)
                if let time = frame["E"] {
                    let first = lines.first?.receiveTime ?? line.receiveTime
                    // Assume the fastest event so far had zero latency: then no event is received before it happened.
                    start = max(start ?? .min, time * 1_000_000 - (line.receiveTime - first))
                }
            default: break
            }
            lines.append(line)
        }
        guard let recorded, let symbol, let first = lines.first else {
            throw CaptureError(line: count, problem: .noSnapshot)
        }
        let assets = Listing.assets(of: symbol)
        let steps = recorded.steps
        listing = Listing(
            symbol: symbol, baseAsset: assets.base, quoteAsset: assets.quote, tickSize: steps.tick,
            stepSize: steps.step)
        startTime = Timestamp(nanoseconds: start ?? first.receiveTime)
        firstReceiveTime = first.receiveTime
        self.recorded = recorded
        lookahead = lines
        linesRead = count
        readOn()
    }

    public private(set) var phase = MarketPhase.running

    public var nextDue: Int64? {
        guard phase != .ended else { return nil }
        switch upcoming {
        case .line(_, let due, _): return due
        case .failed: return readDue
        case .end: return nil
        }
    }

    public mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame? {
        while phase == .running {
            let line: BinanceCaptureLine
            let due: Int64
            switch upcoming {
            case .end:
                phase = .ended
                return nil
            case .failed(let error):
                phase = .ended
                throw error
            case .line(let next, let nextDue, let nextPass):
                guard nextDue <= offset else { return nil }
                if nextPass != pass { begin(nextPass) }
                line = next
                due = nextDue
            }
            switch line.content {
            case .frame(let frame):
                if frame.kind == .depth { try settle(line, frame) }
                readOn()
                hasSent = true
                let (bytes, payload) = line.shifted(frame, by: shift)
                return MarketFrame(stream: frame.stream, kind: frame.kind, due: due, bytes: bytes, payload: payload)
            case .snapshot:
                if !isPastSnapshot, !isAnswered {
                    phase = .held
                    return nil
                }
                try passSnapshot(line)
                readOn()
            case .other:
                skippedLines += 1
                readOn()
            }
        }
        return nil
    }

    public mutating func snapshot(limit: Int) -> [UInt8]? {
        guard isPastSnapshot else {
            if hasSent { isAnswered = true }
            release()
            return recorded.text(limit: limit, shiftingIDBy: shift.updateID)
        }
        return book?.text(limit: limit, shiftingIDBy: shift.updateID)
    }

    public mutating func release() {
        guard phase == .held else { return }
        isAnswered = true
        phase = .running
    }

    /// The best levels of the book a snapshot would show now; for checks against the stream.
    var best: (bid: (price: Int64, size: [UInt8])?, ask: (price: Int64, size: [UInt8])?)? {
        (isPastSnapshot ? book : recorded)?.best
    }
}

// MARK: - The book

extension BinanceCapturePlayer {
    /// Applies a depth event to the book, or keeps it for a later snapshot.
    private mutating func settle(_ line: BinanceCaptureLine, _ frame: BinanceCaptureLine.Frame) throws(CaptureError) {
        guard let first = frame["U"], let last = frame["u"] else { return }
        if let known = book?.updateID ?? unsettled.last?.frame["u"], first > known + 1 {
            holes += 1
            book = nil
            unsettled.removeAll()
        }
        guard let known = book?.updateID else {
            if unsettled.count >= Self.unsettledLimit { unsettled.removeFirst(Self.unsettledLimit / 2) }
            unsettled.append((line, frame))
            return
        }
        if last > known { try apply(line, frame) }
    }

    /// Builds the book from the recording's snapshot and the later events already sent.
    private mutating func passSnapshot(_ line: BinanceCaptureLine) throws(CaptureError) {
        guard let snapshot = BinanceCaptureBook(snapshot: line.bytes) else {
            throw stop(CaptureError(line: line.number, problem: .badSnapshot))
        }
        isPastSnapshot = true
        // An older snapshot adds nothing to a book without a gap.
        if let known = book?.updateID, snapshot.updateID <= known { return }
        let beyond = unsettled.filter { ($0.frame["u"] ?? 0) > snapshot.updateID }
        // The snapshot is too old to join the events after the gap: the book stays unknown.
        if let first = beyond.first?.frame["U"], first > snapshot.updateID + 1 { return }
        unsettled.removeAll()
        book = snapshot
        for event in beyond { try apply(event.line, event.frame) }
    }

    private mutating func apply(_ line: BinanceCaptureLine, _ frame: BinanceCaptureLine.Frame) throws(CaptureError) {
        guard book?.apply(line, frame) == true else {
            throw stop(CaptureError(line: line.number, problem: .badFrame(stream: frame.stream)))
        }
    }

    private mutating func stop(_ error: CaptureError) -> CaptureError {
        phase = .ended
        return error
    }
}

// MARK: - Lines and passes

extension BinanceCapturePlayer {
    /// The first line of a further pass is due: reset the market to the beginning of the recording.
    private mutating func begin(_ next: Int64) {
        pass = next
        shift = PassShift(
            updateID: step.updateID * next, tradeID: step.tradeID * next, milliseconds: step.milliseconds * next)
        book = nil
        unsettled.removeAll()
        hasSent = false
        isAnswered = false
        isPastSnapshot = false
    }

    private mutating func readOn() {
        do throws(CaptureError) {
            guard let line = try readLine() else {
                upcoming = .end
                return
            }
            // If the recorder's clock stepped back, market time must not.
            readDue = max(readDue, passStart + line.receiveTime - firstReceiveTime)
            upcoming = .line(line, due: readDue, pass: readPass)
        } catch {
            upcoming = .failed(error)
        }
    }

    private mutating func readLine() throws(CaptureError) -> BinanceCaptureLine? {
        if lookaheadUsed < lookahead.count {
            let line = lookahead[lookaheadUsed]
            lookaheadUsed += 1
            if lookaheadUsed == lookahead.count {
                lookahead = []
                lookaheadUsed = 0
            }
            try note(line)
            return line
        }
        if let failureBehindLookahead { throw failureBehindLookahead }
        if let line = try Self.read(&source, &linesRead) {
            try note(line)
            return line
        }
        guard loops else { return nil }
        try beginReadingAgain()
        return try Self.read(&source, &linesRead)
    }

    /// Checks that a line is of this symbol; in the first pass, also measures the shift for later passes.
    private mutating func note(_ line: BinanceCaptureLine) throws(CaptureError) {
        guard case .frame(let frame) = line.content else { return }
        let symbol = Self.symbol(of: frame.stream)
        guard symbol == listing.symbol else {
            throw CaptureError(line: line.number, problem: .otherSymbol(found: symbol, expected: listing.symbol))
        }
        guard readPass == 0 else { return }
        if frame.kind == .trade, let id = frame["t"] { tradeIDs = Self.widened(tradeIDs, by: id) }
        if frame.kind == .depth || frame.kind == .quote {
            for id in [frame["U"], frame["u"]].compactMap(\.self) { updateIDs = Self.widened(updateIDs, by: id) }
        }
        lastEventTime = max(lastEventTime, frame["E"] ?? 0, frame["T"] ?? 0)
    }

    private mutating func beginReadingAgain() throws(CaptureError) {
        if readPass == 0 {
            // The receive times and the event times must both keep increasing.
            let last = Timestamp(milliseconds: lastEventTime) ?? startTime
            let length = max(readDue, last.nanoseconds(since: startTime))
            step = PassShift(
                updateID: (updateIDs.map { $0.upperBound - $0.lowerBound } ?? 0) + Self.seamIDs,
                tradeID: tradeIDs.map { $0.upperBound - $0.lowerBound + 1 } ?? 0,
                milliseconds: length / 1_000_000 + 1 + Self.seamMilliseconds)
        }
        do {
            try source.rewind()
        } catch {
            throw CaptureError(line: linesRead, problem: .unreadable("\(error)"))
        }
        linesRead = 0
        readPass += 1
        passStart = readPass * step.milliseconds * 1_000_000
    }

    private static func widened(_ range: ClosedRange<Int64>?, by id: Int64) -> ClosedRange<Int64> {
        min(range?.lowerBound ?? id, id)...max(range?.upperBound ?? id, id)
    }

    private static func read(_ source: inout Source, _ count: inout Int) throws(CaptureError) -> BinanceCaptureLine? {
        let bytes: [UInt8]?
        do {
            bytes = try source.nextLine()
        } catch {
            throw CaptureError(line: count + 1, problem: .unreadable("\(error)"))
        }
        guard let bytes else { return nil }
        count += 1
        return try BinanceCaptureLine(bytes, number: count)
    }

    private static func symbol(of stream: String) -> String {
        stream.prefix { $0 != "@" }.uppercased()
    }
}
