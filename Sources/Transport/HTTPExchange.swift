import CLibWebSockets

/// One request on a server's connection and the state of its answer.
final class HTTPExchange {
    enum Phase { case reading, waiting, sending, done }

    private(set) var phase = Phase.reading
    var request: ServerRequest
    /// Set while discarding the body of a refused request.
    var isRefused = false
    private let core: LoopCore
    private let idleTimeoutSeconds: Int
    private var wsi: OpaquePointer?
    /// Holds at most the rest of the announced body.
    private var outgoing = OutgoingQueue()
    /// Body bytes announced and not yet written by the caller.
    private var owedBytes = 0
    private var watch: EventLoop.Timer?

    /// How often to check whether the client of a pending answer has gone.
    private static let watchMilliseconds = 250

    init(_ request: ServerRequest, on wsi: OpaquePointer, core: LoopCore, idleTimeoutSeconds: Int) {
        self.request = request
        self.wsi = wsi
        self.core = core
        self.idleTimeoutSeconds = idleTimeoutSeconds
    }

    /// The request is complete: from now on the delegate's time counts, not the client's. Reading stops, since
    /// otherwise libwebsockets would spin on a further request or end of stream until the answer is sent.
    func becomeWaiting() {
        guard let wsi, phase == .reading else { return }
        phase = .waiting
        pause(wsi)
    }

    private func pause(_ wsi: OpaquePointer) {
        transport_clear_timeout(wsi)
        _ = transport_allow_reading(wsi, 0)
        guard watch?.isPending != true else { return }
        watch = core.schedule(afterMilliseconds: Self.watchMilliseconds) { [weak self] in self?.checkClient() }
    }

    private func checkClient() {
        guard let wsi, phase != .done else { return }
        if transport_peer_has_gone(wsi) != 0 { return drop() }
        watch = core.schedule(afterMilliseconds: Self.watchMilliseconds) { [weak self] in self?.checkClient() }
    }

    private func resume() {
        guard let wsi else { return }
        _ = transport_allow_reading(wsi, 1)
        lws_callback_on_writable(wsi)
    }

    /// `contentLength` nil: `body` is the complete body.
    func begin(status: Int, headers: [(name: String, value: String)], body: [UInt8], contentLength: Int?) {
        guard phase == .waiting, wsi != nil else { return }
        phase = .sending
        let length = contentLength ?? body.count
        let head = HTTPSyntax.head(status: status, headers: headers, contentLength: length, closes: false)
        head.withUnsafeBytes { outgoing.append($0, mode: LWS_WRITE_HTTP_HEADERS) }
        let hasBody = request.method != "HEAD" && status != 204 && status != 304
        owedBytes = hasBody ? length : 0
        write(body)
        resume()
    }

    func write(_ bytes: [UInt8]) {
        guard phase == .sending, wsi != nil, owedBytes > 0, !bytes.isEmpty else { return }
        let piece = bytes.prefix(owedBytes)
        owedBytes -= piece.count
        piece.withUnsafeBytes { outgoing.append($0, mode: LWS_WRITE_HTTP) }
        resume()
    }

    func drop() {
        guard let wsi else { return }
        outgoing.removeAll()
        transport_kill_later(wsi)
        gone()
    }

    /// The delegate will not answer any more.
    func abandon() {
        begin(status: 500, headers: [], body: Array("no answer\n".utf8), contentLength: nil)
        if phase == .sending && owedBytes > 0 { drop() }
    }

    /// The connection has ended or is free for the next request.
    func gone() {
        phase = .done
        wsi = nil
        watch?.cancel()
        outgoing.removeAll()
    }

    /// The socket takes bytes. Non-zero asks libwebsockets to close.
    func writable(_ wsi: OpaquePointer) -> Int32 {
        guard phase == .sending else { return 0 }
        while !outgoing.isEmpty && lws_send_pipe_choked(wsi) == 0 {
            if !outgoing.writeFirst(to: wsi) { return -1 }
        }
        if !outgoing.isEmpty {
            transport_expect_progress(wsi, Int32(clamping: idleTimeoutSeconds))
            lws_callback_on_writable(wsi)
        } else if owedBytes > 0 {
            pause(wsi)
        } else {
            gone()
            return lws_http_transaction_completed(wsi) == 0 ? 0 : -1
        }
        return 0
    }
}
