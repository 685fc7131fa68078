import CLibWebSockets

/// Payloads waiting for a writable socket, each with the room in front that `lws_write` needs for its frame header. Its
/// users bound it: `WebSocketConnection` by `maxQueuedBytes`, `HTTPExchange` by the length of its body.
struct OutgoingQueue: ~Copyable {
    struct Entry {
        let base: UnsafeMutablePointer<UInt8>
        let count: Int
        let mode: lws_write_protocol
        /// Where the payload begins.
        var payload: UnsafeMutablePointer<UInt8> { base + OutgoingQueue.headroom }
    }

    static let headroom = transport_lws_pre()

    private var entries: [Entry] = []
    private var head = 0
    /// Payload bytes waiting.
    private(set) var bytes = 0

    var isEmpty: Bool { head == entries.count }

    mutating func append(_ bytes: UnsafeRawBufferPointer, mode: lws_write_protocol) {
        let base = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.headroom + bytes.count)
        if let source = bytes.baseAddress {
            UnsafeMutableRawPointer(base + Self.headroom).copyMemory(from: source, byteCount: bytes.count)
        }
        entries.append(Entry(base: base, count: bytes.count, mode: mode))
        self.bytes += bytes.count
    }

    /// Passes the oldest payload to `lws_write` and removes it. libwebsockets keeps the bytes that the socket does not
    /// take at once, at most one entry, and requests no more until they are sent.
    /// - Returns: false if the connection is broken.
    mutating func writeFirst(to wsi: OpaquePointer) -> Bool {
        let entry = entries[head]
        head += 1
        bytes -= entry.count
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.capacity <= 1024)
            head = 0
        } else if head >= 1024 {
            entries.removeFirst(head)
            head = 0
        }
        let written = lws_write(wsi, entry.payload, entry.count, entry.mode)
        entry.base.deallocate()
        return written >= entry.count
    }

    mutating func removeAll() {
        for entry in entries[head...] { entry.base.deallocate() }
        entries.removeAll()
        head = 0
        bytes = 0
    }

    deinit {
        for entry in entries[head...] { entry.base.deallocate() }
    }
}
