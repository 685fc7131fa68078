import Runtime
import Foundation
import Logging

/// At most 300 attempts to connect in five minutes, counted over all processes that share the file: the venue counts them
/// by address. Without a file, or where it cannot be used, this process counts for itself.
///
/// The file holds the moments of the last attempts (nanoseconds of the host's monotonic clock), and is read and written
/// under its lock.
final class ConnectBudget {
    static let limit = 300
    static let windowNanoseconds: Int64 = 300_000_000_000

    /// Until another process has let go of the file.
    private static let busyNanoseconds: Int64 = 20_000_000

    private let path: String?
    private let logger: Logger
    private var own: [Int64] = []
    private var hasWarned = false
    /// Attempts in the last five minutes, as of the last one here.
    private(set) var used = 0

    init(path: String?, logger: Logger) {
        self.path = path
        self.logger = logger
    }

    /// Takes one attempt; else how long to wait before asking again, in ns.
    func take(at now: Int64 = HostClock.monotonicNanoseconds) -> Int64? {
        guard let path else { return Self.take(from: &own, at: now, used: &used) }
        do {
            guard let lock = try FileLock.take(path) else { return Self.busyNanoseconds }
            var moments = Self.read(lock.descriptor)
            let wait = Self.take(from: &moments, at: now, used: &used)
            try Self.write(moments, to: lock.descriptor, path)
            return wait
        } catch {
            if !hasWarned {
                logger.warning(
                    "the shared budget cannot be used; this process counts alone", metadata: ["error": "\(error)"])
                hasWarned = true
            }
            return Self.take(from: &own, at: now, used: &used)
        }
    }

    private static func take(from moments: inout [Int64], at now: Int64, used: inout Int) -> Int64? {
        // A moment in the future is of before the host's last start.
        moments.removeAll { $0 > now || now - $0 >= windowNanoseconds }
        used = moments.count
        if moments.count >= limit, let oldest = moments.min() { return oldest + windowNanoseconds - now }
        moments.append(now)
        used += 1
        return nil
    }

    private static func read(_ descriptor: Int32) -> [Int64] {
        var moments = [Int64](repeating: 0, count: limit)
        let count = moments.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        return Array(moments.prefix(max(0, count) / MemoryLayout<Int64>.stride))
    }

    private static func write(_ moments: [Int64], to descriptor: Int32, _ path: String) throws(LeaseError) {
        let bytes = moments.count * MemoryLayout<Int64>.stride
        let written = moments.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard written == bytes, ftruncate(descriptor, off_t(bytes)) == 0 else { throw LeaseError(path, errno) }
    }
}
