import Foundation
import Wire

/// A segment on disk, open for reading. Corresponds to `open`, `pread`, `close`.
package final class TapeFile: TapeSource, Sendable {
    package let name: String
    private let descriptor: Int32

    package init(path: String) throws(TapeError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path, reason: Self.systemReason) }
        name = path
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package var byteCount: UInt64 {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }

    package func read(at offset: UInt64, into buffer: inout [UInt8]) throws(TapeError) -> Int {
        var used = 0
        while used < buffer.count {
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress?.advanced(by: used), $0.count - used, off_t(offset) + off_t(used))
            }
            if count == 0 { break }
            if count > 0 { used += count } else if errno != EINTR { throw .cannotRead(name, reason: Self.systemReason) }
        }
        return used
    }

    package static var systemReason: String { String(cString: strerror(errno)) }
}
