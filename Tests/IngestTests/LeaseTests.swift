import TestSupport
@testable import Ingest
@testable import Runtime
import Foundation
import Logging
import Testing
import Venues

/// What the ingest processes of a host share.
@Suite struct LeaseTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let second: Int64 = 1_000_000_000

    /// 300 attempts in five minutes.
    private static func budget(_ path: String?) -> ConnectBudget {
        ConnectBudget(VenueCatalog.endpoints[0].limits, path: path, logger: logger)
    }

    @Test func threeHundredAttemptsInFiveMinutesOverAllProcesses() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "connections").path
        // Three processes, each with a view of its own.
        let budgets = (0..<3).map { _ in Self.budget(path) }
        for attempt in 0..<300 {
            #expect(budgets[attempt % 3].take(at: (1_000 + Int64(attempt)) * Self.second / 10) == nil)
        }
        for budget in budgets {
            #expect(budget.take(at: 200 * Self.second) == 200 * Self.second && budget.used == 300)
        }
        // The oldest has left the window, and no more.
        #expect(budgets[0].take(at: 400 * Self.second) == nil)
        #expect(budgets[1].take(at: 400 * Self.second) == Self.second / 10)
        // After the host's restart its clock begins anew.
        #expect(budgets[2].take(at: 5) == nil && budgets[2].used == 1)
    }

    @Test func aDamagedOrMissingFileCountsAlone() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "connections").path
        try Data("abc".utf8).write(to: URL(filePath: path))
        let damaged = Self.budget(path)
        #expect(damaged.take(at: Self.second) == nil && damaged.used == 1)
        let absent = Self.budget(folder.appending(path: "no/such/file").path)
        for attempt in 0..<300 { #expect(absent.take(at: Self.second + Int64(attempt)) == nil) }
        #expect(absent.take(at: 2 * Self.second) != nil)
        let alone = Self.budget(nil)
        #expect(alone.take(at: 1) == nil && alone.used == 1)
    }

    @Test func aSymbolIsServedOnce() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let directory = try LeaseDirectory(folder.appending(path: "a/b").path)
        let (binance, okx) = (
            try #require(VenueCatalog.endpoint(named: "binance")), try #require(VenueCatalog.endpoint(named: "okx"))
        )
        let pool = ["BTCUSDT", "ETHUSDT"].map { PoolMarket(binance, $0) }
        guard let first = try SymbolClaim.take(pool, preferred: nil, in: directory) else {
            Issue.record("nothing is free")
            return
        }
        let held = first.market.symbol
        #expect(held == "BTCUSDT")
        // While the second is held, nothing is free; when it has ended, its symbol is.
        let nested = try Self.claim(pool, nil, directory) { try Self.claim(pool, nil, directory) }
        #expect(nested.outer == "ETHUSDT" && nested.inner == nil)
        // A process with a preferred symbol takes no other's.
        #expect(try Self.claim(pool, pool[0], directory) == nil)
        #expect(try Self.claim(pool, pool[1], directory) == "ETHUSDT")
        // Another venue's symbol is another market.
        #expect(try Self.claim([PoolMarket(okx, "BTCUSDT")], nil, directory) == "BTCUSDT")
        extendLifetime(first)
    }

    /// The symbol that a process would get, and gives back after `body`.
    private static func claim(
        _ pool: [PoolMarket], _ preferred: PoolMarket?, _ directory: LeaseDirectory, _ body: () throws -> String?
    ) throws -> (outer: String?, inner: String?) {
        guard let claim = try SymbolClaim.take(pool, preferred: preferred, in: directory) else { return (nil, nil) }
        let inner = try body()
        return (claim.market.symbol, inner)
    }

    private static func claim(
        _ pool: [PoolMarket], _ preferred: PoolMarket?, _ directory: LeaseDirectory
    ) throws -> String? {
        try claim(pool, preferred, directory) { nil }.outer
    }

    @Test(
        arguments: [
            ("1", 0), ("3", 2), ("ingest-0", 0), ("my-ingest-12", 12), ("0", nil), ("-1", nil), ("ingest", nil),
            ("ingest-x", nil), ("", nil),
        ] as [(String, Int?)])
    func placesInAPool(slot: String, place: Int?) { #expect(ReplicaOrdinal.index(slot) == place) }

    @Test(
        arguments: [
            (["--symbol-slot", "1"], "--symbol-pool"),
            (["--symbol-pool", "BTCUSDT,ETHUSDT", "--symbol-slot", "x"], "--symbol-slot"),
            (["--symbol-pool", "BTCUSDT", "--symbols", "ETHUSDT"], "--symbols"),
            (["--websocket-url", "ws://a:1", "--rest-url", "http://a:1", "--ca-file", "/dev/null"], "--ca-file"),
            (["--venue", "mtgox"], "binance-us"), (["--venues", "kraken,mtgox", "--symbol-pool", "BTC-USD"], "mtgox"),
            (["--venues", "kraken,okx"], "--symbol-pool"),
            (["--venues", "okx,okx", "--symbol-pool", "BTC-USD"], "twice"),
            (["--venues", "okx,kraken", "--symbol-pool", "BTC-USD", "--rest-url", "http://a:1"], "{venue}"),
            (["--venues", "okx,kraken", "--symbol-pool", "okx:BTC-USD,BTCUSD"], "twice"),
            (["--venues", "okx,kraken", "--symbol-pool", "bybit:BTC-USD"], "not chosen"),
            (["--time-unit", "second"], "microsecond"),
            (["--depth", "200", "--snapshot-depth", "300"], "--snapshot-depth"),
            (["--rotate-after", "90000"], "rotate"), (["--publish", "udp://{symbol}"], "--publish"),
        ])
    func badSettings(arguments: [String], mention: String) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try Program("ingest", arguments + ["--check-config"], in: folder)
        #expect(await program.exitCode() == 78)
        #expect(program.logText.contains(mention), "\(program.logText)")
    }

    @Test func theVenueIsAnOption() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try Program("ingest", ["--venue", "binance-us", "--check-config"], in: folder)
        #expect(await program.exitCode() == 0)
        for text in ["wss://stream.binance.us:9443", "https://api.binance.us", "timeUnit = millisecond"] {
            #expect(program.outputText.contains(text), "\(program.outputText)")
        }
    }
}
