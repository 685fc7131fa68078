import Runtime
import Foundation
import Wire

/// The problems in imported data: the first cases in full, then counts.
struct ImportReport {
    enum Trouble: String, CaseIterable {
        case badRow = "rows that cannot be used"
        case unreadable = "files that could not be read to their end"
        case outOfOrder = "rows out of order, put back in order"
        case duplicateTrade = "trades that came twice, left out"
        case sharedID = "trades that share their id with a different trade, kept"
        case missingTrades = "holes in the trade ids"
        case depthHole = "holes in the ids of depth updates"
        case crossedBook = "books that crossed, given up"
        case wrongChecksum = "books that do not agree with the venue's checksum, given up"
        case badSnapshot = "snapshots that cannot be used"
        case noBook = "symbols whose book could never be built"
    }

    /// What was done that is worth knowing and no trouble: the data is whole.
    enum Remark: String, CaseIterable {
        case sorted = "rows that stood behind a later one, sorted"
        case earlierTime = "trades timed before the trade with the id before, received with that one"
        case aggregatesTaken = "aggTrade frames taken as trades: no single trades of their symbols are recorded"
        case aggregatesPassed = "aggTrade frames passed over: the single trades of their symbols are recorded"
    }

    /// Kinds of frames counted one by one; further ones are counted together.
    static let frameKindLimit = 16

    /// Cases printed in full.
    static let printLimit = 20

    /// How often each trouble was met.
    private(set) var counts: [Trouble: Int] = [:]
    private(set) var remarks: [Remark: Int] = [:]
    /// Frames of streams that are not imported, by the event's name.
    private(set) var passedFrames: [String: Int] = [:]
    private var printed = 0
    private let isSilent: Bool
    private let write: (String) -> Void

    /// - Parameter write: receives one line of text; `nil` prints nothing, for the first of two passes.
    init(_ write: ((String) -> Void)?) {
        isSilent = write == nil
        self.write = write ?? { _ in }
    }

    var isClean: Bool { counts.isEmpty }

    mutating func note(_ trouble: Trouble, _ path: String, _ line: Int?, _ what: @autoclosure () -> String) {
        counts[trouble, default: 0] += 1
        guard !isSilent, printed <= Self.printLimit else { return }
        if printed < Self.printLimit {
            write(line.map { "\(path):\($0): \(what())" } ?? "\(path): \(what())")
        } else {
            write("more is only counted from here on")
        }
        printed += 1
    }

    mutating func note(_ remark: Remark) { remarks[remark, default: 0] += 1 }

    mutating func notePassedFrame(_ event: String) {
        let name = passedFrames[event] != nil || passedFrames.count < Self.frameKindLimit ? event : "others"
        passedFrames[name, default: 0] += 1
    }

    /// One line per remark, in a fixed order.
    var remarkLines: [String] {
        var lines = Remark.allCases.compactMap { remark in remarks[remark].map { "\($0) \(remark.rawValue)" } }
        if !passedFrames.isEmpty {
            let names = passedFrames.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let count = passedFrames.values.reduce(0, +)
            lines.append(
                "\(count) frames of streams that are not imported, passed over: \(names.joined(separator: ", "))")
        }
        return lines
    }

    /// One line per trouble, in a fixed order.
    var summary: [String] {
        Trouble.allCases.compactMap { trouble in counts[trouble].map { "\($0) \(trouble.rawValue)" } }
    }
}

/// An error that ends an import, with the exit code of the process.
struct ImportError: Error, CustomStringConvertible {
    /// As `sysexits.h` numbers them.
    enum Kind: Int32 {
        case noUsableData = 65
        case cannotOpen = 66
        case cannotCreate = 73
        case inputOutput = 74
    }

    let kind: Kind
    let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ error: LineReaderError) {
        switch error.problem {
        case .cannotOpen: self.init(.cannotOpen, "\(error)")
        case .cannotRead: self.init(.inputOutput, "\(error)")
        case .truncated, .corrupt, .lineTooLong: self.init(.noUsableData, "\(error)")
        }
    }

    init(_ error: TapeError) {
        switch error {
        case .cannotCreate: self.init(.cannotCreate, "\(error)")
        case .cannotOpen: self.init(.cannotOpen, "\(error)")
        case .notATape, .unsupportedVersion: self.init(.noUsableData, "\(error)")
        default: self.init(.inputOutput, "\(error)")
        }
    }
}
