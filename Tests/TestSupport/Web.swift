import Transport

/// The pages of the processes.
package enum Web {
    package static func get(_ url: String) async -> (status: Int, body: String)? {
        guard let client = try? HTTPClient() else { return nil }
        defer { client.shutdown() }
        guard let response = try? await client.send(HTTPRequest(url: url)) else { return nil }
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    /// The sum of a metric over its series that carry `label`.
    package static func metric(_ name: String, port: Int, label: String = "") async -> Double? {
        guard let page = await get("http://127.0.0.1:\(port)/metrics")?.body else { return nil }
        let values = page.split(separator: "\n")
            .filter { ($0.hasPrefix(name + "{") || $0.hasPrefix(name + " ")) && (label.isEmpty || $0.contains(label)) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}
