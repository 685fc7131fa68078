import CZlib
import CZstd

/// Decodes a file's bytes to text.
enum Decompressor: ~Copyable {
    case plain
    case deflate(InflateDecoder)
    case zstandard(ZstandardDecoder)

    struct Step {
        var consumed: Int
        var produced: Int
        /// Every member or frame begun is complete: the file may end here.
        var isComplete: Bool
    }

    struct Corruption: Error { let reason: String }

    /// Chosen by the file's first bytes; `nil` if out of memory.
    init?(magic: ArraySlice<UInt8>) {
        if magic.starts(with: [0x1F, 0x8B]) {
            guard let decoder = InflateDecoder(.gzip) else { return nil }
            self = .deflate(decoder)
        } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            guard let decoder = ZstandardDecoder() else { return nil }
            self = .zstandard(decoder)
        } else {
            self = .plain
        }
    }

    /// For the member of a zip archive; `nil` if out of memory.
    init?(_ member: ZipMember) {
        guard member.isDeflated else {
            self = .plain
            return
        }
        guard let decoder = InflateDecoder(.raw) else { return nil }
        self = .deflate(decoder)
    }

    borrowing func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(Corruption) -> Step {
        switch self {
        case .plain:
            let count = min(input.count, output.count)
            output.replaceSubrange(0..<count, with: input.prefix(count))
            return Step(consumed: count, produced: count, isComplete: true)
        case .deflate(let decoder): return try decoder.decode(input, into: &output)
        case .zstandard(let decoder): return try decoder.decode(input, into: &output)
        }
    }
}

/// Corresponds to zlib's `inflate`. The stream's address must not change, hence the allocation.
struct InflateDecoder: ~Copyable {
    /// What surrounds the compressed data, as zlib's window bits.
    enum Wrapper: Int32 {
        case gzip = 31
        case raw = -15
    }

    private let stream: UnsafeMutablePointer<z_stream>

    init?(_ wrapper: Wrapper) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard shim_inflate_init(stream, wrapper.rawValue) == Z_OK else {
            stream.deallocate()
            return nil
        }
        self.stream = stream
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    borrowing func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(Decompressor.Corruption) -> Decompressor.Step {
        let (status, consumed, produced) = input.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                let status = inflate(stream, Z_NO_FLUSH)
                return (
                    status, input.count - Int(stream.pointee.avail_in),
                    output.count - Int(stream.pointee.avail_out)
                )
            }
        }
        switch status {
        case Z_STREAM_END:
            // Another member may follow.
            inflateReset(stream)
            return Decompressor.Step(consumed: consumed, produced: produced, isComplete: true)
        case Z_OK, Z_BUF_ERROR:
            return Decompressor.Step(consumed: consumed, produced: produced, isComplete: false)
        default:
            throw Decompressor.Corruption(
                reason: stream.pointee.msg.map { String(cString: $0) } ?? "zlib status \(status)")
        }
    }
}

/// Corresponds to `ZSTD_decompressStream`.
struct ZstandardDecoder: ~Copyable {
    private let context: OpaquePointer

    init?() {
        guard let context = ZSTD_createDStream() else { return nil }
        self.context = context
    }

    deinit { ZSTD_freeDStream(context) }

    borrowing func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(Decompressor.Corruption) -> Decompressor.Step {
        let (status, consumed, produced) = input.withUnsafeBytes { input in
            output.withUnsafeMutableBytes { output in
                var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
                var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                let status = ZSTD_decompressStream(context, &target, &source)
                return (status, source.pos, target.pos)
            }
        }
        guard ZSTD_isError(status) == 0 else {
            throw Decompressor.Corruption(reason: String(cString: ZSTD_getErrorName(status)))
        }
        return Decompressor.Step(consumed: consumed, produced: produced, isComplete: status == 0)
    }
}
