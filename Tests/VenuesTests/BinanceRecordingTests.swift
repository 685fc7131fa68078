import Foundation
import Microstructure
import Testing

@testable import Venues

/// Where recorded market data lies; see its README for what it is and where it comes from.
enum Recording {
    static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["MICROSTRUCTURE_DATA"] {
            return URL(fileURLWithPath: path)
        }
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/data")
    }()

    static func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    /// The lines of a compressed recording, decompressed by `tool -dc`.
    static func lines(_ name: String, with tool: String) throws -> [[UInt8]] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool, "-dc", folder.appendingPathComponent(name).path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileReadCorruptFile) }
        return text.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }
}

/// The session against what the exchange really sent.
@Suite struct BinanceRecordingTests {
    struct Capture: Sendable {
        let symbol: String
        let file: String
        let quantityExponent: Int8
    }

    static let spot2024 = "binance-spot-2024-08-08"

    @Test(
        .enabled(if: Recording.exists(spot2024)),
        arguments: [
            Capture(symbol: "BTCUSDT", file: "btcusdt_20240808.gz", quantityExponent: -8),
            Capture(symbol: "ETHUSDT", file: "ethusdt_20240808.gz", quantityExponent: -8),
        ])
    func booksAgreeWithTheVenuesOwnQuotes(capture: Capture) throws {
        let instrument = Instrument.spot(capture.symbol, quantity: capture.quantityExponent)
        let lab = try Lab(instrument)
        var quotes: [Int64: Quote] = [:]
        var books: [(id: Int64, bid: PriceLevel, ask: PriceLevel)] = []
        var lastTime = Int64.min
        var firstTrade: Int64?
        var askedForSnapshot = 0

        func collect() throws {
            for event in lab.batch.events {
                switch event {
                case .quote(let quote): quotes[quote.updateID] = quote
                case .trade(let trade): firstTrade = firstTrade ?? trade.id
                case .book(let update):
                    let bid = try #require(lab.batch.levels[update.bids].first)
                    let ask = try #require(lab.batch.levels[update.asks].first)
                    books.append((update.updateID, bid, ask))
                    #expect(update.validity == .valid && update.epoch == 1)
                    #expect(update.times.receive.nanoseconds <= lastTime && update.bids.count <= 20)
                case .heartbeat: Issue.record("sessions send no heartbeats")
                }
            }
        }

        for line in try Recording.lines("\(Self.spot2024)/\(capture.file)", with: "gzip") {
            let space = try #require(line.firstIndex(of: UInt8(ascii: " ")))
            let json = Array(line[(space + 1)...])
            lastTime = try #require(Int64(String(decoding: line[..<space], as: UTF8.self)))
            if json.starts(with: Array("{\"lastUpdateId\"".utf8)) {
                #expect(try lab.snapshot(json, for: 0, at: lastTime) == .proceed)
            } else if case .fetchSnapshot = try lab.frame(json, at: lastTime) {
                askedForSnapshot += 1
            }
            try collect()
        }

        let counts = lab.counts()
        #expect(lab.validity() == .valid && lab.epoch() == 1 && askedForSnapshot == 1)
        #expect(counts.gaps == 0 && counts.overlaps == 0 && counts.crossedBooks == 0 && counts.resyncs == 0)
        #expect(counts.rejections.total == 0 && counts.unknownEvents == 0 && counts.missedTrades == 0)
        #expect(counts.duplicateTrades == 0 && lab.isBalanced && lab.session.unattributedCounts == SessionCounts())
        let lastTrade = try #require(lab.lastTradeID(0))
        let tradeSpan = lastTrade - (try #require(firstTrade)) + 1
        #expect(counts.trades == UInt64(tradeSpan))
        #expect(counts.depthApplied == UInt64(books.count))

        // The quote of exactly the book's id, and the newest one up to it: the best prices have not changed since.
        let ids = quotes.keys.sorted()
        var next = 0
        var (exact, exactEqual, latest, latestEqual) = (0, 0, 0, 0)
        for book in books {
            while next < ids.count, ids[next] <= book.id { next += 1 }
            guard next > 0, let quote = quotes[ids[next - 1]] else { continue }
            let isEqual = quote.bid == book.bid && quote.ask == book.ask
            latest += 1
            latestEqual += isEqual ? 1 : 0
            exact += quote.updateID == book.id ? 1 : 0
            exactEqual += isEqual && quote.updateID == book.id ? 1 : 0
        }
        print(
            "\(capture.symbol): \(exactEqual) of \(exact) books equal the bookTicker of the same id,",
            "\(latestEqual) of \(latest) the newest one up to their id;",
            "\(counts.messages) frames, \(counts.depthApplied) updates, \(counts.trades) trades, \(counts.quotes) quotes"
        )
        #expect(exact > 500)
        #expect(Double(exactEqual) >= 0.999 * Double(exact))
        #expect(latest > 3_000)
        #expect(Double(latestEqual) >= 0.999 * Double(latest))
    }

    @Test(.enabled(if: Recording.exists(spot2024)))
    func coarseUnitsAreNoticed() throws {
        // Resting sizes are finer than the step of the day: at −5 some updates cannot be represented.
        let lab = try Lab(.spot("BTCUSDT", quantity: -5))
        for line in try Recording.lines("\(Self.spot2024)/btcusdt_20240808.gz", with: "gzip") {
            let json = Array(line[(try #require(line.firstIndex(of: UInt8(ascii: " "))) + 1)...])
            if json.starts(with: Array("{\"lastUpdateId\"".utf8)) {
                try lab.snapshot(json, for: 0, at: 1)
            } else {
                _ = try? lab.frame(json)
            }
        }
        #expect(lab.counts().rejections[.doesNotFitInstrument] == 3 && lab.counts().gaps == 3)
        #expect(lab.validity() == .resyncing && lab.isBalanced)
    }

    /// Lines `time: frame` and `url -> time: body`; the snapshots come after the streams have begun.
    @Test(.enabled(if: Recording.exists("venues-2021")))
    func threeSymbolsOf2021() throws {
        let symbols = ["BTCUSDT", "ETHUSDT", "DOTUSDT"]
        let lab = try Lab(
            BinanceConfiguration(instruments: symbols.map { .spot($0, price: -4, quantity: -8) }))
        var other: UInt64 = 0
        var asked: [InstrumentID] = []
        for line in try Recording.lines("venues-2021/BINANCE-20210404-btc-eth-dot.txt.zst", with: "zstd") {
            let brace = line.firstIndex(of: UInt8(ascii: "{"))
            let head = String(decoding: line[..<(brace ?? line.endIndex)], as: UTF8.self)
            guard let brace else {
                #expect(head.hasPrefix("wss://"))
                continue
            }
            let json = Array(line[brace...])
            if head.hasPrefix("https://") {
                let index = try #require(symbols.firstIndex { head.contains("symbol=\($0)&") })
                #expect(try lab.snapshot(json, for: index, at: 1) == .proceed)
                continue
            }
            if json.firstRange(of: Array("@aggTrade\"".utf8)) != nil
                || json.firstRange(of: Array("@kline_".utf8)) != nil
            {
                other += 1
            }
            if case .fetchSnapshot(let id) = try lab.frame(json) { asked.append(id) }
        }
        #expect(Set(asked).count == 3 && asked.count == 3)
        for (index, symbol) in symbols.enumerated() {
            let counts = lab.counts(index)
            #expect(lab.validity(index) == .valid && lab.epoch(index) == 1 && !lab.book(index).isCrossed)
            #expect(counts.gaps == 0 && counts.rejections.total == 0 && counts.depthApplied > 100)
            print("\(symbol) 2021: \(counts.depthApplied) updates applied, \(counts.unknownEvents) unknown events")
        }
        #expect(lab.session.totalCounts.unknownEvents == other && other > 1_000)
        #expect(lab.isBalanced)
    }
}
