@testable import Runtime
import Foundation
import Testing

@testable import Gateway

extension GatewayTests {
    /// Many clients, and rude ones. A moderate number each time; `GATEWAY_SCALE=full` (`make test-scale`) takes 500 streams,
    /// 50 of which do not read, and 10,000 connections.
    @Suite struct ScaleTests {
        private static let isFull = ProcessInfo.processInfo.environment["GATEWAY_SCALE"] == "full"

        private static var residentBytes: Int {
            let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
            return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4_096 : 0
        }

        @Test func streamsThatReadGetAllAndTheOthersAreDroppedAndResume() async throws {
            let (count, silent) = Self.isFull ? (500, 50) : (24, 3)
            try await Bench.run { bench in
                let dropped = metric(MetricName.streamDropped)
                let readers = try (0..<(count - silent)).map { _ in try StreamClient(port: bench.port) }
                let stuck = try (0..<silent).map { _ in try StreamClient(port: bench.port, receiveBuffer: 4_096) }
                for client in readers + stuck { #expect(try client.opened()) }
                for reader in readers { reader.connection.clear() }
                let before = Self.residentBytes
                var (number, most) = (0, 0)
                while metric(MetricName.streamDropped) < dropped + Double(silent), number < 20_000 {
                    let ids = (number + 1...number + 50).map { Bench.id($0) }
                    for _ in ids {
                        number += 1
                        try bench.publish(number, padding: 4_000)
                    }
                    for reader in readers {
                        #expect(try reader.connection.read { $0.received.count(of: "\nevent: signal\n") >= ids.count })
                        #expect(reader.connection.received.ids == ids)
                        reader.connection.clear()
                    }
                    most = max(most, Self.residentBytes)
                }
                #expect(metric(MetricName.streamDropped) == dropped + Double(silent))
                #expect(eventually { metric(MetricName.streamClients) == Double(readers.count) })
                // All share one copy of an event: what a silent client may hold up is its kernel buffer and the queue.
                let held = Double(most - before) / Double(1 << 20)
                print(
                    "\(count) streams, \(silent) silent: \(number) signals to each reader, \(Int(held)) MiB more at most"
                )
                #expect(held < 300)

                let all = (1...number).map { Bench.id($0) }
                for client in stuck {
                    #expect(try client.connection.read { $0.isAtEnd })
                    // The last event may have been cut off: only what ended counts as seen.
                    let seen = client.connection.received.completeIDs
                    #expect(seen == Array(all.prefix(seen.count)))
                    let rest = Array(all.dropFirst(seen.count))
                    let again = try StreamClient(port: bench.port, lastEventID: seen.last ?? "none")
                    #expect(
                        try again.connection.read { $0.received.count(of: "\nevent: signal\n") >= rest.count })
                    #expect(again.connection.received.ids == rest)
                }
            }
        }

        @Test(.enabled(if: ProcessTests.isBuilt, "api-gateway is not built"))
        func manyOpenConnectionsLeaveRoomForOneMore() async throws {
            let count = Self.isFull ? 10_000 : 1_000
            try await onThread {
                let running = try ProcessTests.Running([
                    "--port", "0", "--metrics-port", "0", "--log-format", "json", "--connect-ticks", "none",
                    "--connect-features", "none", "--connect-signals", "none", "--connect-replay", "none",
                ])
                defer { running.process.terminate() }
                let port = try #require(running.port(), "\(running.text)")
                var connections: [Connection] = []
                for number in 0..<count {
                    let connection = try Connection(port: port)
                    // Of three, one says nothing, one half a request, one a whole.
                    if number % 3 == 1 { try connection.send("POST /api/v1/signals HTTP/1.1\r\nHost: a\r\nContent-Le") }
                    if number % 3 == 2 { try connection.sendRequest("GET", "/health") }
                    connections.append(connection)
                }
                for (number, connection) in connections.enumerated() where number % 3 == 2 {
                    #expect(try connection.answer().status == 200)
                }
                #expect(try ask(port, "GET", "/api/v1/signals").status == 200)
                #expect(try post(port, PostTests.example).status == 202)
                let memory = try String(
                    contentsOfFile: "/proc/\(running.process.processIdentifier)/status", encoding: .utf8)
                let resident = memory.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
                print("\(count) open connections, \(resident)")
                connections = []
                #expect(try eventually { try ask(port, "GET", "/health").status == 200 })
                running.process.terminate()
                #expect(eventually(within: 10) { !running.process.isRunning })
                running.process.waitUntilExit()
                #expect(running.process.terminationStatus == 0, "\(running.text)")
            }
        }

        @Test func rudeRequestsGetTheRightAnswer() async throws {
            let ten = 10 << 20
            try await Bench.run { bench in
                let port = bench.port
                // Ten megabytes, announced: refused before they come, and the connection is of no more use.
                let announced = try Connection(port: port)
                try announced.sendRequest(
                    "POST", "/api/v1/signals",
                    headers: [("Content-Type", "application/json"), ("Content-Length", "\(ten)")])
                let answer = try announced.answer()
                #expect(answer.status == 413 && answer.headers["connection"] == "close")
                #expect(answer.headers["content-type"] == "application/problem+json")
                // Sent nevertheless, or without a length.
                let body = String(repeating: "x", count: 1 << 20)
                let sent = try Connection(port: port)
                try? sent.sendRequest(
                    "POST", "/api/v1/signals",
                    headers: [("Content-Type", "application/json"), ("Content-Length", "\(ten)")])
                for _ in 0..<10 { try? sent.send(body) }
                #expect(try sent.read { $0.isAtEnd })
                #expect(sent.text.hasPrefix("HTTP/1.1 413"))
                let endless = try Connection(port: port)
                try endless.sendRequest(
                    "POST", "/api/v1/signals",
                    headers: [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
                // Whoever does not stop sending is cut off.
                let chunk = "100000\r\n\(body)\r\n"
                let isCut = try eventually {
                    do { try endless.send(chunk) } catch { return true }
                    return false
                }
                #expect(isCut)

                for line in [
                    "GET / HTTP/9.9", "GET", "", "GET /\u{7F} HTTP/1.1", "\u{16}\u{3}\u{1}\u{2}",
                    "PRI * HTTP/2.0", "BREW /pot HTTP/1.1",
                    "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1",
                ] {
                    let connection = try Connection(port: port)
                    try? connection.send(line + "\r\nHost: a\r\nConnection: close\r\n\r\n")
                    #expect(try connection.read { $0.isAtEnd }, "\(line.prefix(50))")
                    #expect(
                        !connection.text.hasPrefix("HTTP/1.1 2"), "\(line.prefix(50)): \(connection.text.prefix(200))")
                    // Of the server's errors only those that say what it does not know: a method, a version.
                    let status = connection.text.dropFirst("HTTP/1.1 ".count).prefix(3)
                    #expect(!status.hasPrefix("5") || ["501", "505"].contains(status), "\(line.prefix(50)): \(status)")
                }
                // Two readers of one request must not see two requests.
                let smuggler = try Connection(port: port)
                try smuggler.send(
                    "POST /api/v1/signals HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try smuggler.read { $0.isAtEnd || $0.text.contains("HTTP/1.1") })
                #expect(!smuggler.text.contains("200 OK"))

                let paths = [
                    "/api/v1/book/", "/api/v1/book/BTC%00", "/api/v1/book/BTCUSDT?depth=0",
                    "/api/v1/book/BTCUSDT?depth=x",
                    "/api/v1/book/BTCUSDT?venue=", "/api/v1/book/NOPE", "/api/v1/trades/NOPE?limit=201",
                    "/api/v1/features/latest?symbol=%20", "/api/v1/features/latest?symbols=A",
                    "/api/v1/features/stream?rate=0", "/api/v1/features/stream?rate=1e9",
                    "/api/v1/features/stream?seconds=0",
                    "/api/v1/live/NOPE", "/api/v1/detectors/NOPE", "/api/v1/detectors/%ff", "/api/v1/stats?symbol=",
                    "/api/v1/signals/x/explain?y=1", "/api/v1/signals/%2e%2e/explain",
                    "/api/v1/signals/stream?seconds=nan",
                    "/api/v1/signals?cursor=-1", "/api/v1/signals?cursor=18446744073709551616", "/api/v1/signals?&&=&",
                    "/api/v1/signals?limit=1&limit=2", "/api/v1/signals?symbol=A;B", "/api/v1/signals?since=1e999",
                    "/api/v1/symbols?q", "/openapi.yaml?x=1", "/api/v1/schema?x", "/api/v1/../v1/signals",
                ]
                for path in paths {
                    let answer = try ask(port, "GET", path)
                    #expect([400, 404].contains(answer.status), "\(path): \(answer.status)")
                    #expect(answer.headers["content-type"] == "application/problem+json", "\(path)")
                }
                #expect(try ask(port, "GET", "/health").status == 200)
                #expect(try post(port, PostTests.example).status == 202)
            }
        }
    }
}

extension [UInt8] {
    /// The ids of a stream's events, in their order.
    fileprivate var ids: [String] { ids(in: self[...]) }

    /// The ids of the events that came whole. An event ends with an empty line; a chunk's size stands on a line of its own.
    fileprivate var completeIDs: [String] {
        let all = ids
        let ends = count(of: "\n\n") - count(of: "retry: 1000\n\n")
        return Array<String>(all.prefix(ends))
    }

    private func ids(in bytes: ArraySlice<UInt8>) -> [String] {
        var found: [String] = []
        let pattern = Array("\nid: ".utf8)
        bytes.withUnsafeBytes { raw in
            guard var start = raw.baseAddress else { return }
            let end = start + raw.count
            while end - start > pattern.count, let hit = memchr(start, 0x0A, end - start - pattern.count) {
                start = UnsafeRawPointer(hit) + 1
                guard memcmp(hit, pattern, pattern.count) == 0 else { continue }
                let text = UnsafeRawPointer(hit) + pattern.count
                guard let stop = memchr(text, 0x0A, end - text) else { return }
                found.append(
                    String(
                        decoding: UnsafeRawBufferPointer(start: text, count: UnsafeRawPointer(stop) - text),
                        as: UTF8.self))
                start = UnsafeRawPointer(stop)
            }
        }
        return found
    }
}
