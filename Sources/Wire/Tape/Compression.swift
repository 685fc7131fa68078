import CZlib
import CZstd

/// zlib's checksum. Corresponds to `crc32`.
enum CRC32 {
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32(0, $0.baseAddress, UInt32($0.count))) }
    }
}

/// Makes one Zstandard frame of a block. Corresponds to `ZSTD_compressCCtx`.
struct BlockCompressor: ~Copyable {
    private let context: OpaquePointer
    private let level: Int32

    /// `nil` where there is no memory.
    init?(level: Int32) {
        guard let context = ZSTD_createCCtx() else { return nil }
        self.context = context
        self.level = level
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends the frame of `bytes` to `output`; `false` where there is no memory.
    borrowing func compress(_ bytes: [UInt8], appendingTo output: inout [UInt8]) -> Bool {
        let start = output.count
        let bound = ZSTD_compressBound(bytes.count)
        output.append(contentsOf: repeatElement(0, count: bound))
        let size = output.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                ZSTD_compressCCtx(
                    context, target.baseAddress?.advanced(by: start), bound, source.baseAddress, source.count, level)
            }
        }
        guard ZSTD_isError(size) == 0 else {
            output.removeLast(bound)
            return false
        }
        output.removeLast(bound - size)
        return true
    }
}

/// Opens one Zstandard frame of a block. Corresponds to `ZSTD_decompressDCtx`.
struct BlockDecompressor: ~Copyable {
    private let context: OpaquePointer

    /// `nil` where there is no memory.
    init?() {
        guard let context = ZSTD_createDCtx() else { return nil }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Fills `output[..<count]`, growing it where needed; `false` where the frame is not one of exactly `count` bytes.
    borrowing func decompress(_ frame: ArraySlice<UInt8>, into output: inout [UInt8], count: Int) -> Bool {
        if output.count < count { output.append(contentsOf: repeatElement(0, count: count - output.count)) }
        let size = output.withUnsafeMutableBytes { target in
            frame.withUnsafeBytes { source in
                ZSTD_decompressDCtx(context, target.baseAddress, count, source.baseAddress, source.count)
            }
        }
        return ZSTD_isError(size) == 0 && size == count
    }
}
