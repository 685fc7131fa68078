import Runtime
import Foundation
import Logging
import Metrics
import Microstructure
import Wire

/// A growing folder of segments. A new segment begins each UTC hour, or once the current one is large enough; the
/// oldest are deleted if a limit is set.
///
/// A failing disk stops nothing: records wait in memory, up to `Options.bufferBytes`; further records are dropped and
/// counted. Lives on one thread.
package struct TapeArchive {
    package struct Options: Sendable {
        package var folder: String
        package var segmentBytes: UInt64 = 1 << 30
        /// Segments not written to for this long are deleted; `nil` keeps them.
        package var keepSeconds: Double?
        /// The oldest segments are deleted while all together are larger; `nil` keeps them.
        package var keepBytes: UInt64?
        /// Most bytes that wait for room on the disk.
        var bufferBytes = TapeWriter.bufferBytes

        package init(
            folder: String, segmentBytes: UInt64 = 1 << 30, keepSeconds: Double? = nil, keepBytes: UInt64? = nil,
            bufferBytes: Int = TapeWriter.bufferBytes
        ) {
            self.folder = folder
            self.segmentBytes = segmentBytes
            self.keepSeconds = keepSeconds
            self.keepBytes = keepBytes
            self.bufferBytes = bufferBytes
        }
    }

    /// How often old segments are looked for.
    private static let sweepSeconds = 10

    private struct Waiting {
        let topic: [UInt8]
        let body: [UInt8]
        let receiveTime: Timestamp
    }

    private let options: Options
    private let logger: Logger
    private var refusals: RepeatedLog
    private var writer: TapeWriter?
    private var writtenBefore: UInt64 = 0
    private var hour: Int64 = 0
    /// Records taken while no segment could be created.
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var secondsUntilSweep = 0
    /// Why writing fails; `nil` while it succeeds.
    package private(set) var failure: String?
    package private(set) var records: UInt64 = 0
    package private(set) var dropped: UInt64 = 0

    private let recordCounter = Counter(label: MetricName.tapeRecords)
    private let byteCounter = Counter(label: MetricName.tapeBytes)
    private let dropCounter = Counter(label: MetricName.tapeDropped)
    private let errorCounter = Counter(label: MetricName.tapeErrors)
    private let deletedCounter = Counter(label: MetricName.tapeSegmentsDeleted)
    private let bufferGauge = Gauge(label: MetricName.tapeBuffered)

    /// Creates the folder and the first segment. Throws if that fails, so that a wrong path is reported at the start.
    package init(_ options: Options, logger: Logger, at now: Timestamp) throws {
        do {
            try FileManager.default.createDirectory(atPath: options.folder, withIntermediateDirectories: true)
        } catch {
            throw TapeError.cannotCreate(options.folder, reason: FileProblem.reason(of: error))
        }
        self.options = options
        self.logger = logger
        refusals = RepeatedLog(logger)
        try begin(at: now)
    }

    package var path: String { writer?.path ?? "" }

    /// Takes a record. It is on the disk after at most a second, if the disk allows.
    package mutating func append(topic: [UInt8], body: [UInt8], receiveTime: Timestamp) {
        let isTaken: Bool
        if writer == nil {
            isTaken = waitingBytes < options.bufferBytes
            if isTaken {
                waiting.append(Waiting(topic: topic, body: body, receiveTime: receiveTime))
                waitingBytes += topic.count + body.count + MemoryLayout<Waiting>.stride
            }
        } else {
            isTaken = write(topic, body, receiveTime)
        }
        if isTaken {
            records += 1
            recordCounter.increment()
        } else {
            dropped += 1
            dropCounter.increment()
        }
    }

    /// Call it about once a second: writes waiting records, rotates segments, deletes old ones.
    package mutating func tick(at now: Timestamp) {
        if writer == nil { resume(at: now) }
        attempt { archive throws(TapeError) in try archive.writer?.flush() }
        if let writer, writer.recordCount > 0,
            hour != now.bucket(width: 3_600_000_000_000) || writer.byteCount >= options.segmentBytes
        {
            rotate(at: now)
        }
        bufferGauge.record(waitingBytes + (writer?.bufferedBytes ?? 0))
        secondsUntilSweep -= 1
        guard secondsUntilSweep <= 0 else { return }
        secondsUntilSweep = Self.sweepSeconds
        sweep(at: now)
    }

    /// Writes all waiting records and ends the segment. Throws if writing fails: those records are lost.
    package mutating func finish() throws(TapeError) {
        if writer == nil { resume(at: HostClock.now) }
        guard writer != nil else {
            throw .cannotCreate(options.folder, reason: failure ?? "no segment could be begun")
        }
        try writer?.finish()
        countBytes()
        // A segment without a record says nothing.
        if let writer, writer.recordCount == 0 { unlink(writer.path) }
        writer = nil
    }

    // MARK: Segments

    private mutating func begin(at now: Timestamp) throws(TapeError) {
        writer = try TapeWriter(
            path: "\(options.folder)/\(Self.name(at: now))", created: now, isDurable: true,
            bufferLimit: options.bufferBytes)
        writtenBefore = 0
        hour = now.bucket(width: 3_600_000_000_000)
        countBytes()
    }

    private mutating func rotate(at now: Timestamp) {
        guard attempt({ archive throws(TapeError) in try archive.writer?.finish() }) else { return }
        logger.info("segment ended", metadata: ["path": "\(path)", "bytes": "\(writer?.byteCount ?? 0)"])
        writer = nil
        resume(at: now)
    }

    /// Begins a segment and writes the waiting records to it.
    private mutating func resume(at now: Timestamp) {
        guard attempt({ archive throws(TapeError) in try archive.begin(at: now) }) else { return }
        let records = waiting
        waiting = []
        waitingBytes = 0
        for record in records where !write(record.topic, record.body, record.receiveTime) {
            dropped += 1
            dropCounter.increment()
        }
    }

    /// Returns `false` if the record was not taken.
    private mutating func write(_ topic: [UInt8], _ body: [UInt8], _ receiveTime: Timestamp) -> Bool {
        do throws(TapeError) {
            try writer?.append(topic: topic, body: body, receiveTime: receiveTime)
            return true
        } catch {
            note(error)
            // After a failed write the record waits in the buffer.
            if case .cannotWrite = error { return true }
            return false
        }
    }

    /// Returns whether `body` succeeded. Counts each failure; logs only the first in a row.
    @discardableResult
    private mutating func attempt(_ body: (inout TapeArchive) throws(TapeError) -> Void) -> Bool {
        do throws(TapeError) {
            try body(&self)
        } catch {
            note(error)
            return false
        }
        countBytes()
        if failure != nil {
            failure = nil
            logger.notice("the tape is written again", metadata: ["dropped": "\(dropped)"])
        }
        return true
    }

    private mutating func note(_ error: TapeError) {
        switch error {
        case .bufferFull: return
        case .badRecord:
            refusals.write("record refused", kind: "\(error)", metadata: ["error": "\(error)"])
            return
        default: errorCounter.increment()
        }
        if failure == nil {
            logger.error(
                "the tape cannot be written; what comes waits in memory",
                metadata: ["error": "\(error)", "room_bytes": "\(options.bufferBytes)"])
        }
        failure = "\(error)"
    }

    private mutating func countBytes() {
        let now = writer?.byteCount ?? writtenBefore
        byteCounter.increment(by: Int64(now - min(now, writtenBefore)))
        writtenBefore = now
    }

    // MARK: Names and old segments

    /// `20240808T235413.937085768Z.tape`: names in the order of time.
    static func name(at time: Timestamp) -> String {
        var seconds = time_t(time.bucket(width: 1_000_000_000))
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d%02d%02dT%02d%02d%02d.%09dZ%@", Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1,
            Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec),
            Int(time.nanosecondOfSecond), TapeFormat.fileSuffix)
    }

    private mutating func sweep(at now: Timestamp) {
        guard options.keepSeconds != nil || options.keepBytes != nil else { return }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: options.folder)) ?? []
        let segments = names.filter { $0.hasSuffix(TapeFormat.fileSuffix) }.sorted().map { "\(options.folder)/\($0)" }
        var total: UInt64 = 0
        // From the newest to the oldest: segments beyond the limit are deleted.
        for path in segments.reversed() {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            total += UInt64(max(0, status.st_size))
            guard path != self.path else { continue }
            let age = now.seconds - Double(status.st_mtim.tv_sec)
            guard age > options.keepSeconds ?? .infinity || total > options.keepBytes ?? .max else { continue }
            total -= UInt64(max(0, status.st_size))
            guard unlink(path) == 0 else {
                logger.warning("segment cannot be deleted", metadata: ["path": "\(path)", "error": "\(errno)"])
                continue
            }
            deletedCounter.increment()
            logger.info("segment deleted", metadata: ["path": "\(path)"])
        }
    }
}
