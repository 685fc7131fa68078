import Microstructure

/// Books, from snapshots in the stream or over HTTP.
extension StreamSession {
    /// Changes or replaces the book of one connection.
    mutating func process(
        _ change: VenueMessage.Book, slot: Int, at time: Timestamp, into events: inout EventBatch
    ) -> VenueAction {
        let index = change.index
        let wasLive = markets[index].books[slot].isLive
        let outcome = markets[index].books[slot].process(change, message, at: time)
        let isWhole = outcome == .applied && wasLive && !change.isSnapshot
        markets[index].noteArrival(.depth, at: time, after: isWhole ? .own : .failure)
        return settle(outcome, change, slot, at: time, into: &events)
    }

    /// Whether the book is the one that the venue has, as far as its checksum tells.
    private func agrees(_ change: VenueMessage.Book, _ slot: Int) -> Bool {
        guard let stated = change.checksum else { return true }
        return stated
            == reader.checksum(
                of: markets[change.index].books[slot].book, markets[change.index].books[slot].forms, index: change.index
            )
    }

    /// Counts what became of a change and publishes the book after it.
    private mutating func settle(
        _ outcome: StreamBook.Outcome, _ change: VenueMessage.Book, _ slot: Int, at time: Timestamp,
        into events: inout EventBatch
    ) -> VenueAction {
        let index = change.index
        switch outcome {
        case .applied: break
        case .old:
            markets[index].counts.depthIgnoredOld += 1
            return .proceed
        case .dropped:
            markets[index].counts.depthDropped += 1
            return askSnapshot(of: index, slot, at: time)
        case .hole:
            markets[index].counts.depthDropped += 1
            markets[index].counts.gaps += 1
            return discard(index, slot, at: time)
        }
        guard agrees(change, slot) else {
            markets[index].counts.depthDropped += 1
            markets[index].counts.checksumFailures += 1
            return discard(index, slot, at: time)
        }
        markets[index].counts.depthApplied += 1
        if change.checksum != nil { markets[index].counts.checksumsPassed += 1 }
        if !change.isSnapshot, change.link.provesContinuity { markets[index].counts.chainsPassed += 1 }
        if change.isSnapshot { markets[index].counts.snapshots += 1 }
        let book = markets[index].books[slot]
        if let since = book.crossedSince {
            if since == time { markets[index].counts.crossedBooks += 1 }
            if book.isCrossedTooLong(at: time) { return discard(index, slot, at: time) }
        }
        if markets[index].active == nil || markets[index].active == slot && change.isSnapshot {
            markets[index].active = slot
            markets[index].epoch += 1
        }
        // A message without levels verifies the book and changes nothing.
        guard markets[index].active == slot, book.isTrustworthy,
            change.isSnapshot || !change.bids.isEmpty || !change.asks.isEmpty
        else { return .proceed }
        publish(index, EventTimes(venue: change.venueTime, receive: time), into: &events)
        return .proceed
    }

    func publish(_ index: Int, _ times: EventTimes, into events: inout EventBatch) {
        guard let active = markets[index].active else { return }
        events.append(
            book: markets[index].books[active].book, depth: options.depthPublished, instrument: InstrumentID(index),
            tickSize: reader.directory.instruments[index].tickSize, times: times, epoch: markets[index].epoch,
            validity: markets[index].silences.isEmpty ? .valid : .stale)
    }

    // MARK: Losing a book

    /// The book is wrong or has a hole.
    private mutating func discard(_ index: Int, _ slot: Int, at time: Timestamp) -> VenueAction {
        loseBook(of: index, slot: slot)
        return askSnapshot(of: index, slot, at: time)
    }

    mutating func askSnapshot(of index: Int, _ slot: Int, at time: Timestamp) -> VenueAction {
        guard markets[index].books[slot].asks(at: time) else { return .proceed }
        let isInStream =
            switch reader.rules.snapshots {
            case .inStream: true
            case .overHTTP: false
            // By turns: one of the two may have ceased to work.
            case .either: markets[index].books[slot].askCount.isMultiple(of: 2)
            }
        return isInStream ? .resubscribe(InstrumentID(index)) : .fetchSnapshot(InstrumentID(index))
    }

    /// Forgets the book of one connection; another connection's is published instead, if it is whole.
    mutating func loseBook(of index: Int, slot: Int) {
        let wasActive = markets[index].active == slot
        let wasLive = markets[index].books[slot].isLive
        markets[index].books[slot].discard()
        markets[index].counts.depthDropped += UInt64(markets[index].pending[slot].count)
        markets[index].pending[slot] = []
        guard wasActive else { return }
        if !markets[index].switchBook(), wasLive { markets[index].counts.resyncs += 1 }
    }

    /// Messages of the connection are missing: any of its books may be wrong.
    mutating func loseAllBooks(on connection: ConnectionID, at time: Timestamp) -> VenueAction {
        for index in markets.indices {
            let isLive = markets[index].books[connection.index].isLive
            guard isLive || !markets[index].pending[connection.index].isEmpty else { continue }
            if isLive { markets[index].counts.gaps += 1 }
            loseBook(of: index, slot: connection.index)
            // The new connection will bring a snapshot of each.
            _ = markets[index].books[connection.index].asks(at: time)
        }
        return .reconnect
    }

    /// A change of this instrument's book on the connection was not understood, or of any book if `index` is −1.
    mutating func loseBooks(of index: Int, on connection: ConnectionID) {
        for lost in markets.indices where lost == index || index < 0 {
            guard markets[lost].books[connection.index].isLive else { continue }
            markets[lost].counts.gaps += 1
            loseBook(of: lost, slot: connection.index)
        }
    }

    // MARK: Snapshots in the stream

    public func resubscribeMessages(for id: InstrumentID, on connection: ConnectionID) -> [String] {
        reader.resubscribeMessages(for: id.index, on: connection)
    }

    // MARK: Snapshots over HTTP

    public func snapshotRequest(for id: InstrumentID) -> VenueRequest? { reader.snapshotRequest(for: id.index) }

    /// Applies a change, or holds it until a snapshot comes.
    mutating func processHeld(
        _ change: VenueMessage.Book, slot: Int, at time: Timestamp, into events: inout EventBatch
    ) -> VenueAction {
        let index = change.index
        guard !markets[index].books[slot].isLive else { return process(change, slot: slot, at: time, into: &events) }
        markets[index].noteArrival(.depth, at: time, after: .failure)
        markets[index].counts.depthBuffered += 1
        if let id = markets[index].pending[slot].last?.change.link.last, let new = change.link.last, new <= id {
            markets[index].counts.depthIgnoredOld += 1
            return .proceed
        }
        hold(change, slot, at: time)
        guard let early = markets[index].early else { return askSnapshot(of: index, slot, at: time) }
        markets[index].early = nil
        return begin(early, slot, at: time, into: &events)
    }

    /// Keeps a change, with a copy of its levels, until a snapshot comes.
    mutating func hold(_ change: VenueMessage.Book, _ slot: Int, at time: Timestamp) {
        let index = change.index
        if markets[index].pending[slot].count >= StreamMarket.pendingLimit {
            markets[index].pending[slot].removeFirst()
            markets[index].counts.depthDropped += 1
        }
        markets[index].pending[slot].append(copy(of: change, at: time))
    }

    private func copy(of change: VenueMessage.Book, at time: Timestamp) -> StreamMarket.PendingChange {
        let levels = Array(message.levels[change.bids] + message.levels[change.asks])
        let forms = message.forms.isEmpty ? [] : Array(message.forms[change.bids] + message.forms[change.asks])
        var own = change
        own.bids = 0..<change.bids.count
        own.asks = change.bids.count..<levels.count
        return StreamMarket.PendingChange(change: own, levels: levels, forms: forms, receiveTime: time)
    }

    /// The connections whose books wait for a snapshot over HTTP.
    private func waitingSlots(of index: Int) -> [Int] {
        markets[index].books.indices.filter { !markets[index].books[$0].isLive && !markets[index].pending[$0].isEmpty }
    }

    public mutating func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        let index = id.index
        guard markets.indices.contains(index) else { throw .unknownInstrument(id) }
        message.clear()
        message.payload = .snapshot
        do throws(ScanError) {
            guard body.count <= Self.byteLimit else { throw ScanError(.truncated, at: Self.byteLimit) }
            try body.withUnsafeBufferPointer { (bytes) throws(ScanError) in
                var scanner = JSONScanner(bytes)
                try reader.readSnapshot(&scanner, of: index, at: time, into: &message)
            }
        } catch {
            let kind: RejectionKind = body.count > Self.byteLimit ? .oversized : RejectionKind(error.kind)
            markets[index].counts.snapshotRejections[kind] += 1
            throw .rejected(Rejection(kind, in: .snapshot, of: id, at: error.offset))
        }
        if case .refused(let code, let text) = message.note { throw .refused(code: code, message: text) }
        guard let snapshot = message.books.first else {
            markets[index].counts.snapshotRejections[.missingField] += 1
            throw .rejected(Rejection(.missingField, in: .snapshot, of: id, at: body.count))
        }
        markets[index].counts.refusedLevels += message.refusedLevels
        let slots = waitingSlots(of: index)
        guard !slots.isEmpty else {
            let isWanted = !markets[index].books.contains(where: \.isLive)
            if !isWanted || markets[index].early != nil { markets[index].counts.snapshotsIgnored += 1 }
            if isWanted { markets[index].early = copy(of: snapshot, at: time) }
            return .proceed
        }
        let held = copy(of: snapshot, at: time)
        var action = VenueAction.proceed
        for slot in slots {
            let next =
                reader.rules.snapshots == .either
                ? beginEither(held, slot, at: time, into: &events) : begin(held, slot, at: time, into: &events)
            if action == .proceed { action = next }
        }
        return action
    }

    /// Loads a snapshot and applies the changes held for it that are later.
    private mutating func begin(
        _ snapshot: StreamMarket.PendingChange, _ slot: Int, at time: Timestamp, into events: inout EventBatch
    ) -> VenueAction {
        let index = snapshot.change.index
        let upTo = snapshot.change.link.last ?? 0
        // The oldest change held must be older than the snapshot, or changes between the two may be missing.
        guard let oldest = markets[index].pending[slot].first?.change.link.last, oldest <= upTo else {
            markets[index].counts.snapshotsTooOld += 1
            _ = markets[index].books[slot].asks(at: time)
            return .fetchSnapshot(InstrumentID(index))
        }
        var held = VenueMessage()
        held.levels = snapshot.levels
        held.forms = snapshot.forms
        _ = markets[index].books[slot].process(snapshot.change, held, at: time)
        markets[index].counts.snapshots += 1
        guard markets[index].books[slot].crossedSince == nil else {
            markets[index].counts.snapshotsCrossed += 1
            markets[index].books[slot].discard()
            return .fetchSnapshot(InstrumentID(index))
        }
        if markets[index].active == nil || markets[index].active == slot {
            markets[index].active = slot
            markets[index].epoch += 1
        }
        let pending = markets[index].pending[slot]
        markets[index].pending[slot] = []
        var newest = snapshot.change
        for change in pending {
            held.levels = change.levels
            held.forms = change.forms
            switch markets[index].books[slot].process(change.change, held, at: change.receiveTime) {
            case .applied:
                markets[index].counts.depthApplied += 1
                newest = change.change
            default: markets[index].counts.depthCoveredBySnapshot += 1
            }
        }
        if markets[index].active == slot, markets[index].books[slot].isTrustworthy {
            publish(index, EventTimes(venue: newest.venueTime, receive: time), into: &events)
        }
        return .proceed
    }

    public mutating func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction {
        markets[id.index].counts.snapshotsFailed += 1
        guard !waitingSlots(of: id.index).isEmpty else { return .proceed }
        // What does not work over HTTP may work in the stream.
        return reader.rules.snapshots == .either ? .resubscribe(id) : .fetchSnapshot(id)
    }
}
