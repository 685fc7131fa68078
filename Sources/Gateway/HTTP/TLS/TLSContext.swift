import COpenSSL
import Glibc

/// The certificate, the key and the rules that all TLS connections of a server share. Owns an `SSL_CTX`.
///
/// It is not changed after `init`, which is the condition under which OpenSSL lets several threads use one `SSL_CTX`.
final class TLSContext: @unchecked Sendable {
    /// A file that cannot be used.
    struct FileError: Error {
        enum File { case certificate, key }

        let file: File
        /// Names the file and the fault.
        let problem: String
    }

    let pointer: OpaquePointer

    /// Reads both files; they are not read again. Corresponds to `SSL_CTX_use_certificate_chain_file` and
    /// `SSL_CTX_use_PrivateKey_file`.
    /// - Parameters:
    ///   - certificate: path of a PEM file with the server's certificate, followed by the intermediate certificates.
    ///   - key: path of a PEM file with the certificate's private key, without a passphrase.
    init(certificate: String, key: String) throws(FileError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_server_method()) else {
            throw FileError(file: .certificate, problem: "OpenSSL makes no context: \(OpenSSLError.take())")
        }
        self.pointer = pointer
        guard shim_set_server_rules(pointer) == 1 else {
            throw FileError(file: .certificate, problem: "OpenSSL has no TLS 1.2: \(OpenSSLError.take())")
        }
        // Without this OpenSSL asks the terminal for the passphrase.
        SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in -1 }
        SSL_CTX_set_alpn_select_cb(
            pointer, { _, out, outLength, offered, count, _ in TLSContext.select(out, outLength, offered, count) }, nil)
        guard SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
            throw FileError(
                file: .certificate,
                problem: "'\(certificate)' holds no certificate that can be used: \(OpenSSLError.take())")
        }
        guard SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
            let error = OpenSSLError.take()
            let problem =
                error.isMismatch
                ? "'\(key)' is not the key of the certificate in '\(certificate)': \(error)"
                : "'\(key)' holds no private key that can be used (PEM, without a passphrase): \(error)"
            throw FileError(file: .key, problem: problem)
        }
        // A key of a different algorithm than the certificate's passes all checks before this one.
        guard SSL_CTX_check_private_key(pointer) == 1 else {
            throw FileError(
                file: .key,
                problem: "'\(key)' is not the key of the certificate in '\(certificate)': \(OpenSSLError.take())")
        }
    }

    deinit { SSL_CTX_free(pointer) }

    /// Selects `http/1.1` if the client offers it, else continues without ALPN, as if the client offered nothing.
    /// Source: RFC 7301. Corresponds to `SSL_select_next_proto`.
    private static func select(
        _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ outLength: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ count: UInt32
    ) -> Int32 {
        // A list of one name, preceded by its length. The answer points into this list.
        let known: StaticString = "\u{8}http/1.1"
        var selected: UnsafeMutablePointer<UInt8>?
        let outcome = SSL_select_next_proto(
            &selected, outLength, known.utf8Start, UInt32(known.utf8CodeUnitCount), offered, count)
        guard outcome == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_NOACK }
        out?.pointee = UnsafePointer(selected)
        return SSL_TLSEXT_ERR_OK
    }
}

/// An error of OpenSSL. Corresponds to `ERR_get_error`.
struct OpenSSLError: Error, CustomStringConvertible {
    private let code: UInt

    /// Returns the oldest error of this thread, which is the cause, and clears the thread's error queue.
    static func take() -> OpenSSLError {
        defer { ERR_clear_error() }
        return OpenSSLError(code: ERR_get_error())
    }

    /// Key and certificate do not belong together.
    var isMismatch: Bool { ERR_GET_LIB(code) == ERR_LIB_X509 }

    var description: String {
        if code == 0 { return "no reason given" }
        let reason = ERR_GET_REASON(code)
        if ERR_GET_LIB(code) == ERR_LIB_SYS { return String(cString: strerror(reason)) }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
