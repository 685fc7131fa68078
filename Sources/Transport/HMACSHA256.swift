import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1). Corresponds to OpenSSL's `HMAC`.
public enum HMACSHA256 {
    /// The 32-byte authentication code of `message` under `key`, which may have any length.
    public static func authenticationCode(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        // OpenSSL takes a null key as «the key of the last call»: an empty key still needs an address.
        let keyBytes = key.isEmpty ? [0] : key
        let result = HMAC(EVP_sha256(), keyBytes, Int32(key.count), message, message.count, &code, &length)
        precondition(result != nil && length == 32, "SHA-256 is part of every OpenSSL this builds with")
        return code
    }
}
