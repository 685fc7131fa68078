import Runtime
import Foundation
import Microstructure
import Wire

/// Reads a tape: one segment, or all segments of a folder in the order of their first times.
package struct TapeReader: ~Copyable {
    /// One file of the tape.
    package struct Segment: Sendable, Equatable {
        package let path: String
        package let byteCount: UInt64
        package let created: Timestamp
        /// Receive time of its first block; `nil` where it holds none.
        package let firstTime: Timestamp?
        /// Receive time of its latest record, from the index; `nil` without an index.
        package let lastTime: Timestamp?
        /// Whether it was closed with an index.
        package let hasIndex: Bool
        /// By the index; `nil` without one.
        package let recordCount: UInt64?
    }

    package let segments: [Segment]
    /// All problems found so far.
    package private(set) var problems: [TapeProblem]

    private let times: ClosedRange<Timestamp>
    private var nextSegment = 0
    private var current: TapeSegmentReader<TapeFile>?
    /// Bytes of the current segment read so far.
    private var position: UInt64 = 0
    private var isAtEnd = false

    /// The range of all times.
    package static let always = Timestamp(nanoseconds: .min)...Timestamp(nanoseconds: .max)

    /// Opens the tape at `path`. Skips blocks without a record received within `times`, unread; single records outside
    /// the range may still be returned.
    ///
    /// Throws `.cannotOpen` or `.notATape`, for a folder only where none of its segments can be read.
    package init(path: String, times: ClosedRange<Timestamp> = Self.always) throws(TapeError) {
        var segments: [Segment] = []
        var problems: [TapeProblem] = []
        let paths = try Self.segmentPaths(path)
        for segment in paths {
            do throws(TapeError) {
                segments.append(try Self.look(at: segment))
            } catch {
                guard paths.count > 1 else { throw error }
                problems.append(TapeProblem(segment: segment, offset: 0, .unreadableSegment(error)))
            }
        }
        guard !segments.isEmpty else {
            throw .notATape(path, reason: "none of its \(paths.count) segments can be read")
        }
        // Segments without a record come first: nothing depends on their place.
        self.segments = segments.sorted { left, right in
            let (first, second) = (left.firstTime?.nanoseconds ?? .min, right.firstTime?.nanoseconds ?? .min)
            return first == second ? left.path < right.path : first < second
        }
        self.problems = problems
        self.times = times
    }

    /// The next record, or `nil` after the last. Throws if the disk fails; a damaged tape adds to `problems` instead.
    package mutating func next() throws(TapeError) -> TapeRecord? {
        while true {
            if let record = try current?.next() {
                position = current?.position ?? 0
                return record
            }
            if let found = current?.problems { problems.append(contentsOf: found) }
            current = nil
            guard nextSegment < segments.count else {
                isAtEnd = true
                return nil
            }
            var reader = try TapeSegmentReader(TapeFile(path: segments[nextSegment].path))
            if times != Self.always { reader.seek(times) }
            current = consume reader
            nextSegment += 1
        }
    }

    /// Bytes of the tape passed so far.
    package var bytesRead: UInt64 {
        if isAtEnd { return byteCount }
        return segments.prefix(max(0, nextSegment - 1)).reduce(position) { $0 + $1.byteCount }
    }

    /// Times from the first to the last record; `nil` if any segment has no index or the tape has no records.
    package var extent: ClosedRange<Timestamp>? {
        let lasts = segments.compactMap(\.lastTime)
        guard lasts.count == segments.count, let first = segments.compactMap(\.firstTime).min(),
            let last = lasts.max(), first <= last
        else { return nil }
        return first...last
    }

    package var byteCount: UInt64 { segments.reduce(0) { $0 + $1.byteCount } }

    private static func look(at path: String) throws(TapeError) -> Segment {
        let file = try TapeFile(path: path)
        var reader = try TapeSegmentReader(file)
        return Segment(
            path: path, byteCount: file.byteCount, created: reader.created, firstTime: try reader.firstTime(),
            lastTime: reader.index?.map(\.latest).max(), hasIndex: reader.index != nil,
            recordCount: reader.index?.reduce(0) { $0 + UInt64($1.recordCount) })
    }

    private static func segmentPaths(_ path: String) throws(TapeError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .cannotOpen(path, reason: String(cString: strerror(ENOENT)))
        }
        guard isFolder.boolValue else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .cannotOpen(path, reason: FileProblem.reason(of: error))
        }
        let segments = names.filter { $0.hasSuffix(TapeFormat.fileSuffix) }.sorted()
        guard !segments.isEmpty else { throw .notATape(path, reason: "the folder holds no *\(TapeFormat.fileSuffix)") }
        return segments.map { "\(path)/\($0)" }
    }
}
