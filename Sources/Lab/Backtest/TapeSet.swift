import Tape
import Foundation
import Microstructure
import Wire

/// The tapes of a run: their contents, their time extent, and a hash of their bytes, which identifies the same data
/// whatever the files are called.
struct TapeSet {
    struct Tape {
        let path: String
        let byteCount: Int
        let hash: UInt64
        let extent: ClosedRange<Timestamp>

        var name: String { URL(filePath: path).lastPathComponent }
    }

    private static let chunkBytes = 1 << 20

    let tapes: [Tape]

    /// Reads every byte once. Throws where a tape cannot be read, or holds no record.
    init(_ paths: [String]) throws {
        tapes = try paths.map { path in
            let reader = try TapeReader(path: path)
            var hash = StableHash()
            for segment in reader.segments { try Self.add(segment.path, to: &hash) }
            let extent: ClosedRange<Timestamp>
            if let known = reader.extent {
                extent = known
            } else {
                extent = try Self.scan(path)
            }
            return Tape(path: path, byteCount: Int(reader.byteCount), hash: hash.mixed, extent: extent)
        }
    }

    var byteCount: Int { tapes.reduce(0) { $0 + $1.byteCount } }

    /// Hash of all tapes, independent of their order.
    var hash: String {
        var hash = StableHash()
        for part in tapes.map(\.hash).sorted() { hash.combine(part) }
        return Self.text(hash.mixed)
    }

    /// Times from the first record of any tape to the last.
    var extent: ClosedRange<Timestamp> {
        let first = tapes.map(\.extent.lowerBound).min() ?? Timestamp(nanoseconds: 0)
        return first...(tapes.map(\.extent.upperBound).max() ?? first)
    }

    static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func add(_ path: String, to hash: inout StableHash) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw ImportError(.cannotOpen, "cannot open \(path)")
        }
        defer { try? file.close() }
        while let chunk = try file.read(upToCount: Self.chunkBytes), !chunk.isEmpty {
            chunk.withUnsafeBytes { bytes in
                let words = bytes.count / 8
                for word in 0..<words { hash.combine(bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)) }
                for byte in bytes[(words * 8)...] { hash.combine(UInt64(byte)) }
            }
            if Interrupt.isRequested { throw CancellationError() }
        }
    }

    /// The extent of a tape without an index.
    private static func scan(_ path: String) throws -> ClosedRange<Timestamp> {
        var events = try TapeEvents(path: path)
        var extent: ClosedRange<Timestamp>?
        while let event = try events.next() {
            let time = event.receiveTime
            extent = min(extent?.lowerBound ?? time, time)...max(extent?.upperBound ?? time, time)
        }
        guard let extent else { throw ImportError(.noUsableData, "\(path) holds no market data") }
        return extent
    }
}
