import COpenSSL

/// The server's side of one TLS connection, in memory and without a network: the peer's bytes go in, bytes for the peer
/// come out. Owns an `SSL` and its two memory `BIO`s. Lives on one thread.
///
/// Every call first empties OpenSSL's error queue of the thread, which all connections of an event loop share.
struct TLSSession: ~Copyable {
    enum Progress {
        case done
        /// More bytes from the peer are needed.
        case needsInput
        case failed(OpenSSLError)
    }

    enum Reading {
        case bytes(Int)
        case needsInput
        /// The peer has said that it sends no more (close_notify).
        case ended
        case failed(OpenSSLError)
    }

    private let ssl: OpaquePointer
    // Both belong to `ssl`.
    private let input: OpaquePointer
    private let output: OpaquePointer

    /// Corresponds to `SSL_new`, `SSL_set_bio` and `SSL_set_accept_state`. Fails only if memory runs out.
    init(_ context: TLSContext) throws(OpenSSLError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw OpenSSLError.take() }
        guard let input = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw OpenSSLError.take()
        }
        guard let output = BIO_new(BIO_s_mem()) else {
            BIO_free(input)
            SSL_free(ssl)
            throw OpenSSLError.take()
        }
        SSL_set_bio(ssl, input, output)
        SSL_set_accept_state(ssl)
        (self.ssl, self.input, self.output) = (ssl, input, output)
    }

    deinit { SSL_free(ssl) }

    /// Takes in bytes from the peer; they wait until one of the calls below needs them. Corresponds to `BIO_write`.
    func receive(_ bytes: UnsafeRawBufferPointer) { BIO_write(input, bytes.baseAddress, Int32(bytes.count)) }

    /// Continues the handshake. Corresponds to `SSL_accept`.
    func accept() -> Progress {
        ERR_clear_error()
        let result = SSL_accept(ssl)
        if result == 1 { return .done }
        return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? .needsInput : .failed(.take())
    }

    /// Decrypts into `buffer`, which is not empty. Corresponds to `SSL_read`.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        ERR_clear_error()
        let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(.take())
        }
    }

    /// Encrypts all of `bytes`, not empty, for the peer, after the handshake only. Corresponds to `SSL_write`.
    func write(_ bytes: UnsafeRawBufferPointer) throws(OpenSSLError) {
        ERR_clear_error()
        // A memory `BIO` accepts all bytes, so there is no partial write.
        guard SSL_write(ssl, bytes.baseAddress, Int32(bytes.count)) == Int32(bytes.count) else {
            throw OpenSSLError.take()
        }
    }

    /// Tells the peer that nothing more is sent; the peer may go on sending. Corresponds to `SSL_shutdown`.
    func end() {
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Bytes that wait to be sent to the peer. Corresponds to `BIO_ctrl_pending`.
    var pendingCount: Int { BIO_ctrl_pending(output) }

    /// Moves bytes for the peer to `buffer` and returns how many. Corresponds to `BIO_read`.
    func takePending(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(output, buffer.baseAddress, Int32(clamping: buffer.count))))
    }
}
