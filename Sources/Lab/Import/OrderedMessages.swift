import Microstructure

/// The messages of several files as one, in the order of their receive times; the trades of a symbol in the order of
/// their ids, where these grow with time.
///
/// Files in order are read as they come. The others are sorted outside memory, whatever their order: nothing is left out
/// but copies of trades. Equal times keep the order of the files, then of the lines.
struct OrderedMessages {
    private struct Source {
        let reader: any MessageReader
        let file: Int
        /// Read and not handed on.
        var head: ImportMessage?
    }

    private let paths: [String]
    private let order: FileOrder
    private var sources: [Source] = []
    private var series = TradeSeries()
    private var codec = ImportMessageCodec()
    /// All messages of the files that are not in order.
    private let sorted: ExternalSort
    private var sortedHead: (message: ImportMessage, key: ExternalSort.Key)?

    /// Reads the files that are not in order to their end.
    /// - Parameters:
    ///   - folder: takes a temporary file, where the messages to be sorted do not fit in memory.
    ///   - advance: receives the bytes read; may throw to stop.
    init(
        _ files: [(path: String, reader: any MessageReader)], order: FileOrder, folder: String,
        memoryBytes: Int = ExternalSort.memoryBytes, _ report: inout ImportReport, advance: (Int) throws -> Void
    ) throws {
        paths = files.map(\.path)
        self.order = order
        sorted = ExternalSort(folder: folder, memoryBytes: memoryBytes)
        let trades = ExternalSort(folder: folder, memoryBytes: memoryBytes)
        var done = 0
        for (index, file) in files.enumerated() {
            guard !order.isSteady(index) else {
                sources.append(Source(reader: file.reader, file: index, head: file.reader.next(&report)))
                continue
            }
            var newest = Timestamp(nanoseconds: .min)
            var lastIDs: [String: Int64] = [:]
            var rows = 0
            while let message = file.reader.next(&report) {
                rows += 1
                if rows % 1_024 == 0 { try advance(done + file.reader.bytesRead) }
                note(message, after: newest, &lastIDs, index, &report)
                newest = max(newest, message.receiveTime)
                if case .trade(let trade) = message.content, let id = trade.id,
                    let symbol = order.symbols[trade.symbol]
                {
                    let key = ExternalSort.Key(
                        major: Int64(symbol.place), middle: id, minor: trade.venueTime.nanoseconds, file: Int32(index),
                        line: Int64(message.line))
                    try trades.append(key, codec.encode(message))
                } else {
                    try sorted.append(timeKey(message, index), codec.encode(message))
                }
            }
            done += file.reader.bytesRead
        }
        try trades.sort()
        var rank: Int64 = 0
        while let (key, record) = try trades.next() {
            guard var message = codec.decode(record, line: Int(key.line)), case .trade(let trade) = message.content,
                let symbol = order.symbols[trade.symbol]
            else { continue }
            rank += 1
            if rank % 4_096 == 0 { try advance(done) }
            guard
                series.process(&message, path: paths[Int(key.file)], isOrder: symbol.idsAreOrder, &report)
            else { continue }
            var timeKey = timeKey(message, Int(key.file))
            if symbol.idsAreOrder {
                timeKey.middle = Int64(symbol.firstFile)
                timeKey.minor = rank
            }
            try sorted.append(timeKey, codec.encode(message))
        }
        try sorted.sort()
        try advanceSorted()
    }

    /// Bytes read of the files that are read as they come.
    var bytesRead: Int { sources.reduce(0) { $0 + $1.reader.bytesRead } }

    /// The next message and the index of its file.
    mutating func next(_ report: inout ImportReport) throws -> (message: ImportMessage, file: Int)? {
        var earliest: Int?
        for index in sources.indices {
            guard let time = sources[index].head?.receiveTime else { continue }
            if let other = earliest.flatMap({ sources[$0].head }), other.receiveTime <= time { continue }
            earliest = index
        }
        if let (message, key) = sortedHead, isFirst(key, before: earliest) {
            try advanceSorted()
            return (message, Int(key.file))
        }
        guard let earliest, var message = sources[earliest].head else { return nil }
        let file = sources[earliest].file
        sources[earliest].head = sources[earliest].reader.next(&report)
        // Ids ascend in these files: no copy is among them.
        _ = series.process(&message, path: paths[file], isOrder: true, &report)
        return (message, file)
    }

    private func isFirst(_ key: ExternalSort.Key, before source: Int?) -> Bool {
        guard let source, let time = sources[source].head?.receiveTime.nanoseconds else { return true }
        return key.major < time || (key.major == time && key.middle < Int64(sources[source].file))
    }

    private mutating func advanceSorted() throws {
        sortedHead = nil
        while let (key, record) = try sorted.next() {
            guard let message = codec.decode(record, line: Int(key.line)) else { continue }
            sortedHead = (message, key)
            return
        }
    }

    private func timeKey(_ message: ImportMessage, _ file: Int) -> ExternalSort.Key {
        let line = Int64(message.line)
        return ExternalSort.Key(
            major: message.receiveTime.nanoseconds, middle: Int64(file),
            minor: order.isNewestFirst(file) ? -line : line, file: Int32(file), line: line)
    }

    /// A recorder writes what it receives in that order; lists of trades have any.
    private func note(
        _ message: ImportMessage, after newest: Timestamp, _ lastIDs: inout [String: Int64], _ file: Int,
        _ report: inout ImportReport
    ) {
        guard message.hasReceiveTime else {
            var isEarlier = message.receiveTime < newest
            if case .trade(let trade) = message.content, let id = trade.id,
                order.symbols[trade.symbol]?.idsAreOrder == true
            {
                isEarlier = id < lastIDs.updateValue(id, forKey: trade.symbol) ?? id
            }
            if isEarlier { report.note(.sorted) }
            return
        }
        guard message.receiveTime < newest else { return }
        let microseconds = newest.nanoseconds(since: message.receiveTime) / 1_000
        report.note(.outOfOrder, paths[file], message.line, "received \(microseconds) µs before the row above")
    }
}
