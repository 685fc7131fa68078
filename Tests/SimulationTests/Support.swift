import Foundation
import Microstructure
import Testing

@testable import Simulation

/// Lines in memory.
struct Lines: LineSource {
    var lines: [String]
    var index = 0

    mutating func nextLine() throws(Never) -> [UInt8]? {
        guard index < lines.count else { return nil }
        index += 1
        return Array(lines[index - 1].utf8)
    }

    mutating func rewind() throws(Never) { index = 0 }
}

/// A recorded capture, or `nil` where the data is absent.
enum RecordedCapture {
    static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["MICROSTRUCTURE_DATA"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")
    }()

    static func path(_ symbol: String) -> String {
        folder.appendingPathComponent("binance-spot-2024-08-08/\(symbol)_20240808.gz").path
    }

    static var isPresent: Bool { FileManager.default.fileExists(atPath: path("btcusdt")) }

    static func lines(_ symbol: String) throws -> [String] {
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-dc", path(symbol)]
        let pipe = Pipe()
        gzip.standardOutput = pipe
        try gzip.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        gzip.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// A client's view of one symbol, kept by the exchange's rules from frames and a snapshot, in text.
struct ClientBook {
    // The names are the venue\'s keys.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Depth: Decodable { let U: Int64, u: Int64, b: [[String]], a: [[String]] }
    struct Snapshot: Decodable { let lastUpdateId: Int64, bids: [[String]], asks: [[String]] }
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Ticker: Decodable { let u: Int64, b: String, B: String, a: String, A: String }
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Trade: Decodable { let t: Int64, E: Int64, T: Int64, p: String, q: String, m: Bool }
    enum Outcome { case ignored, applied, hole }

    private(set) var bids: [String: String] = [:]
    private(set) var asks: [String: String] = [:]
    private(set) var updateID: Int64
    private var isFirst = true

    init(_ snapshot: [UInt8]) throws {
        let snapshot = try JSONDecoder().decode(Snapshot.self, from: Data(snapshot))
        updateID = snapshot.lastUpdateId
        set(snapshot.bids, snapshot.asks)
    }

    mutating func take(_ event: Depth) -> Outcome {
        if event.u <= updateID { return .ignored }
        guard isFirst ? event.U <= updateID + 1 : event.U == updateID + 1 else { return .hole }
        isFirst = false
        set(event.b, event.a)
        updateID = event.u
        return .applied
    }

    private mutating func set(_ newBids: [[String]], _ newAsks: [[String]]) {
        for level in newBids { bids[level[0]] = level[1] == "0.00000000" ? nil : level[1] }
        for level in newAsks { asks[level[0]] = level[1] == "0.00000000" ? nil : level[1] }
    }

    var bestBid: (price: String, size: String)? {
        bids.max { number($0.key) < number($1.key) }.map { ($0.key, $0.value) }
    }
    var bestAsk: (price: String, size: String)? {
        asks.min { number($0.key) < number($1.key) }.map { ($0.key, $0.value) }
    }

    func agrees(with ticker: Ticker) -> Bool {
        bestBid.map { $0 == (ticker.b, ticker.B) } == true && bestAsk.map { $0 == (ticker.a, ticker.A) } == true
    }

    private func number(_ text: String) -> Double { Double(text) ?? .nan }
}

extension MarketFrame {
    var text: String { String(decoding: bytes, as: UTF8.self) }
    func decoded<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(bytes[payload]))
    }
}

extension SimulatedMarket {
    /// Plays on to `offset`, or to a hold or the end.
    mutating func frames(until offset: Int64) throws -> [MarketFrame] {
        var frames: [MarketFrame] = []
        while let frame = try nextFrame(dueBy: offset) { frames.append(frame) }
        return frames
    }

    /// What a client joins with.
    mutating func clientBook() throws -> ClientBook {
        let answer = snapshot(limit: 5_000)
        return try ClientBook(#require(answer))
    }
}
