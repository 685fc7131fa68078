import Microstructure

/// How the messages of each file follow one another, and what therefore needs sorting.
struct FileOrder {
    /// The trades with ids of one symbol in one file.
    private struct Series {
        var first: Place
        var last: Place
        var least: Int64
        var most: Int64
        var count = 1
        /// Ids ascend, and no time steps back.
        var isSteady = true
        /// Neighbours whose ids and times go the same way, and the opposite way.
        var agreeing = 0
        var opposing = 0

        struct Place {
            let id: Int64
            let time: Timestamp
        }

        mutating func add(_ place: Place) {
            if place.id <= last.id || place.time < last.time { isSteady = false }
            if place.id != last.id, place.time != last.time {
                if (place.id > last.id) == (place.time > last.time) { agreeing += 1 } else { opposing += 1 }
            }
            last = place
            least = min(least, place.id)
            most = max(most, place.id)
            count += 1
        }
    }

    private struct File {
        var lastTime = Timestamp(nanoseconds: .min)
        var isSteady = true
        var ascents = 0
        var descents = 0
        var series: [String: Series] = [:]
    }

    /// How the trades with ids of a symbol are to be put in order.
    struct Symbol {
        /// Its place among the symbols, by name.
        let place: Int
        /// The first file with trades of it: among messages of one time, all its trades stand where that file's would.
        let firstFile: Int
        /// The ids give the order: they grow with the times, as a venue's do. Random numbers and hashes do not.
        let idsAreOrder: Bool
    }

    private var files: [File]
    /// By name; set by `finish`.
    private(set) var symbols: [String: Symbol] = [:]
    /// Symbols whose trades need sorting by id; set by `finish`.
    private var unsteadySymbols: Set<String> = []

    init(fileCount: Int) { files = Array(repeating: File(), count: fileCount) }

    mutating func add(_ message: ImportMessage, file: Int) {
        let time = message.receiveTime
        if files[file].lastTime.nanoseconds > .min {
            if time > files[file].lastTime { files[file].ascents += 1 }
            if time < files[file].lastTime {
                files[file].descents += 1
                files[file].isSteady = false
            }
        }
        files[file].lastTime = time
        guard case .trade(let trade) = message.content, let id = trade.id else { return }
        let place = Series.Place(id: id, time: time)
        if files[file].series[trade.symbol]?.add(place) == nil {
            files[file].series[trade.symbol] = Series(first: place, last: place, least: id, most: id)
        }
    }

    /// Call it once, after the last message.
    mutating func finish() {
        for (place, symbol) in Set(files.flatMap(\.series.keys)).sorted().enumerated() {
            let parts = files.compactMap { $0.series[symbol] }.sorted { $0.first.id < $1.first.id }
            let areApart = zip(parts, parts.dropFirst()).allSatisfy { before, after in
                before.last.id < after.first.id && before.last.time < after.first.time
            }
            if !areApart || !parts.allSatisfy(\.isSteady) { unsteadySymbols.insert(symbol) }
            symbols[symbol] = Symbol(
                place: place, firstFile: files.firstIndex { $0.series[symbol] != nil } ?? 0,
                idsAreOrder: Self.areOrder(parts))
        }
        // All trades of a symbol are sorted, or none.
        var count = -1
        while count != unsteadySymbols.count {
            count = unsteadySymbols.count
            for index in files.indices where !isSteady(index) { unsteadySymbols.formUnion(files[index].series.keys) }
        }
    }

    /// Whether the messages of the file can be taken as they come.
    func isSteady(_ file: Int) -> Bool {
        files[file].isSteady && unsteadySymbols.isDisjoint(with: files[file].series.keys)
    }

    /// Whether the file lists the newest first; then rows of the same time are taken from the last to the first.
    func isNewestFirst(_ file: Int) -> Bool { files[file].descents > files[file].ascents }

    private static func areOrder(_ parts: [Series]) -> Bool {
        let agreeing = parts.reduce(0) { $0 + $1.agreeing }
        let opposing = parts.reduce(0) { $0 + $1.opposing }
        if agreeing >= 2 * opposing { return true }
        // Nearly contiguous ids come from a venue's counter, so they give the order even in a short file, where a
        // single late trade makes a large part of the opposing neighbours.
        let count = parts.reduce(0) { $0 + $1.count }
        let least = parts.map(\.least).min() ?? 0
        let most = parts.map(\.most).max() ?? 0
        return opposing <= agreeing && (most - least) / 4 < Int64(count)
    }
}
