import CLibCurl
import Glibc

/// One request inside libcurl: an easy handle and its buffers. Created on the caller's thread, used on the client's.
final class HTTPTransfer: @unchecked Sendable {
    let id: UInt64
    let completion: @Sendable (Result<HTTPResponse, HTTPError>) -> Void
    private let request: HTTPRequest
    private var easy: UnsafeMutableRawPointer?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers: [(name: String, value: String)] = []
    private var body: [UInt8] = []
    private var isTooLarge = false
    /// Scheme and host, the only parts of the URL allowed in error messages, and the proxy if there is one.
    private var place = "an unreadable URL"
    private var proxy: Proxy?

    init(
        _ id: UInt64, _ request: HTTPRequest,
        _ completion: @escaping @Sendable (Result<HTTPResponse, HTTPError>) -> Void
    ) {
        self.id = id
        self.request = request
        self.completion = completion
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        if let easy { curl_easy_cleanup(easy) }
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }

    /// The transfer of an easy handle found in the multi handle's messages.
    static func find(_ easy: UnsafeMutableRawPointer) -> HTTPTransfer? {
        var owner: UnsafeMutableRawPointer?
        withUnsafeMutablePointer(to: &owner) { place in
            _ = transport_curl_get_private(easy, place)
        }
        return owner.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Start

    func start(on multi: UnsafeMutableRawPointer) -> HTTPError? {
        do {
            try readPlace()
        } catch {
            return error
        }
        do {
            let route = try request.proxies.route(to: request.url)
            proxy = route.proxy
            place += route.suffix
        } catch {
            return .badURL("\(place): \(error)")
        }
        guard HTTPSyntax.isToken(request.method) else { return .badURL("\(place): malformed method") }
        guard request.headers.allSatisfy({ HTTPSyntax.isHeader($0.name, $0.value) }) else {
            return .badURL("\(place): malformed header")
        }
        if let file = request.tls.caFile, access(file, R_OK) != 0 { return .tls("\(place): cannot read \(file)") }
        guard let easy = curl_easy_init() else { return .other(code: -1, message: "\(place): curl_easy_init failed") }
        self.easy = easy
        let code = configure(easy)
        guard code == CURLE_OK else { return failure(code) }
        let added = curl_multi_add_handle(multi, easy)
        guard added == CURLM_OK else { return .other(code: Int(added.rawValue), message: "\(place): cannot start") }
        return nil
    }

    func stop(on multi: UnsafeMutableRawPointer) {
        guard let easy else { return }
        curl_multi_remove_handle(multi, easy)
        curl_easy_cleanup(easy)
        self.easy = nil
    }

    private func readPlace() throws(HTTPError) {
        guard let parser = curl_url() else { return }
        defer { curl_url_cleanup(parser) }
        guard curl_url_set(parser, CURLUPART_URL, request.url, 0) == CURLUE_OK else {
            throw .badURL("the URL is malformed")
        }
        var parts: [String] = []
        for part in [CURLUPART_SCHEME, CURLUPART_HOST] {
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(parser, part, &text, 0) == CURLUE_OK, let text else {
                throw .badURL("the URL has no host")
            }
            parts.append(String(cString: text))
            curl_free(text)
        }
        place = parts.joined(separator: "://")
        guard parts[0] == "http" || parts[0] == "https" else { throw .badURL("\(place): not http or https") }
    }

    private func configure(_ easy: UnsafeMutableRawPointer) -> CURLcode {
        for header in request.headers {
            // libcurl takes a header without a value as «remove it».
            let line = header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
            headerList = curl_slist_append(headerList, line)
        }
        let owner = Unmanaged.passUnretained(self).toOpaque()
        let isVerified = request.tls.allowSelfSigned ? 0 : 1
        var codes = [
            transport_curl_set_string(easy, CURLOPT_URL, request.url),
            transport_curl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
            transport_curl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)),
            transport_curl_set_long(easy, CURLOPT_NOSIGNAL, 1),
            transport_curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0),
            transport_curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, isVerified),
            transport_curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2),
            transport_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, request.connectTimeoutMilliseconds)),
            transport_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, request.totalTimeoutMilliseconds)),
            transport_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText),
            transport_curl_set_pointer(easy, CURLOPT_PRIVATE, owner),
            transport_curl_set_pointer(easy, CURLOPT_HTTPHEADER, headerList),
            transport_curl_set_data_function(easy, CURLOPT_WRITEFUNCTION, bodyArrived),
            transport_curl_set_pointer(easy, CURLOPT_WRITEDATA, owner),
            transport_curl_set_data_function(easy, CURLOPT_HEADERFUNCTION, headerArrived),
            transport_curl_set_pointer(easy, CURLOPT_HEADERDATA, owner),
            // Empty texts keep libcurl from reading the environment.
            transport_curl_set_string(easy, CURLOPT_PROXY, proxy?.address ?? ""),
            transport_curl_set_string(easy, CURLOPT_NOPROXY, ""),
            transport_curl_set_long(easy, CURLOPT_HTTPPROXYTUNNEL, request.isTunnelled ? 1 : 0),
            transport_curl_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1),
        ]
        if let user = proxy?.user {
            codes.append(transport_curl_set_string(easy, CURLOPT_PROXYUSERNAME, user))
            codes.append(transport_curl_set_string(easy, CURLOPT_PROXYPASSWORD, proxy?.password ?? ""))
        }
        if let file = request.tls.caFile {
            codes.append(transport_curl_set_string(easy, CURLOPT_CAINFO, file))
            codes.append(transport_curl_set_pointer(easy, CURLOPT_CAPATH, nil))
        }
        if request.method == "HEAD" {
            codes.append(transport_curl_set_long(easy, CURLOPT_NOBODY, 1))
        } else if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
            codes.append(transport_curl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)))
            // libcurl copies the body, so the array may move.
            codes.append(transport_curl_set_body(easy, request.body))
        }
        if request.method != "HEAD" {
            codes.append(transport_curl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method))
        }
        return codes.first { $0 != CURLE_OK } ?? CURLE_OK
    }

    // MARK: Callbacks

    fileprivate func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= request.maxResponseBytes else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    fileprivate func receiveHeader(_ bytes: UnsafeRawBufferPointer) {
        let line = String(decoding: bytes, as: UTF8.self)
        // The status line of a further answer (after a 100) invalidates the earlier headers.
        if line.hasPrefix("HTTP/") { return headers.removeAll() }
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...]
        headers.append((String(line[..<colon]), Self.trimmed(value)))
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    // MARK: Result

    func result(_ code: CURLcode) -> Result<HTTPResponse, HTTPError> {
        guard code == CURLE_OK, let easy else { return .failure(failure(code)) }
        var status = 0, port = 0
        var connect: curl_off_t = 0, total: curl_off_t = 0
        _ = transport_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        _ = transport_curl_get_long(easy, CURLINFO_LOCAL_PORT, &port)
        _ = transport_curl_get_large(easy, CURLINFO_CONNECT_TIME_T, &connect)
        _ = transport_curl_get_large(easy, CURLINFO_TOTAL_TIME_T, &total)
        return .success(
            HTTPResponse(
                status: status, headers: headers, body: body, connectTime: .microseconds(connect),
                totalTime: .microseconds(total), localPort: port))
    }

    /// The status of a proxy that refused to `CONNECT`.
    private var proxyRefusal: String {
        var status = 0
        guard let easy, proxy != nil,
            transport_curl_get_long(easy, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK, status >= 300
        else { return "" }
        return "; the proxy answered \(status)"
    }

    /// libcurl's general message for a code; its specific message only for TLS, where it describes the certificate.
    private func failure(_ code: CURLcode) -> HTTPError {
        if isTooLarge { return .tooLarge(limitBytes: request.maxResponseBytes) }
        let message = "\(place): \(String(cString: curl_easy_strerror(code)))\(proxyRefusal)"
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return .timedOut(message)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: return .unknownHost(message)
        case CURLE_COULDNT_CONNECT, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
            return .connectionFailed(message)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            let detail = String(cString: errorText)
            return .tls(detail.isEmpty ? message : "\(message): \(detail)")
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return .badURL(message)
        default: return .other(code: Int(code.rawValue), message: message)
        }
    }
}

private func bodyArrived(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ owner: UnsafeMutableRawPointer?
) -> Int {
    guard let owner else { return 0 }
    let transfer = Unmanaged<HTTPTransfer>.fromOpaque(owner).takeUnretainedValue()
    return transfer.receive(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
}

private func headerArrived(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ owner: UnsafeMutableRawPointer?
) -> Int {
    guard let owner else { return 0 }
    let transfer = Unmanaged<HTTPTransfer>.fromOpaque(owner).takeUnretainedValue()
    transfer.receiveHeader(UnsafeRawBufferPointer(start: data, count: size * count))
    return size * count
}
