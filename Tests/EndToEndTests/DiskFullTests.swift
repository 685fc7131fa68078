import TestSupport
@testable import Alerter
@testable import Engines
@testable import Runtime
@testable import Storage
import Foundation
import Testing
import Wire

/// The log and the outbox on a small file system that fills up: a clear error, no damage, and on it goes when there is
/// space again.
@Suite(.serialized) struct DiskFullTests {
    private static let canMount = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/mount")

    /// Mounts a tmpfs of `megabytes` at a folder of its own and fills it; `body` frees it.
    private func withSmallDisk(_ megabytes: Int, _ body: (URL) async throws -> Void) async throws {
        let folder = try TestFiles.temporaryFolder()
        let (code, text) = try Program.run(
            "mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder.path])
        try #require(code == 0, "\(text)")
        let result: Result<Void, any Error>
        do { result = .success(try await body(folder)) } catch { result = .failure(error) }
        _ = try? Program.run("umount", ["-l", folder.path])
        try? FileManager.default.removeItem(at: folder)
        try result.get()
    }

    private static func fill(_ folder: URL) throws {
        _ = FileManager.default.createFile(atPath: folder.path + "/ballast", contents: nil)
        let file = try FileHandle(forWritingTo: folder.appending(path: "ballast"))
        let block = Data(count: 4_096)
        while (try? file.write(contentsOf: block)) != nil {}
        try? file.close()
    }

    private static func free(_ folder: URL) throws {
        try FileManager.default.removeItem(at: folder.appending(path: "ballast"))
    }

    private static func integrity(_ path: String) throws -> String {
        let script =
            "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])"
        return try Program.run("python3", ["-c", script, path]).1.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func signal(_ number: Int) -> ProtoSignal {
        var signal = ProtoSignal()
        signal.id = "\(number)"
        signal.venue = "binance"
        signal.symbol = "BTCUSDT"
        signal.type = "drift"
        signal.score = 0.5
        signal.detectedTimeNs = Int64(number)
        return signal
    }

    @Test(.enabled(if: canMount, "needs root, for a tmpfs of its own"), .timeLimit(.minutes(5)))
    func aFullDiskStopsTheLogAndTheOutboxUntilThereIsSpace() async throws {
        try await withSmallDisk(4) { folder in
            let log = try SignalLog(path: folder.path + "/log.sqlite")
            let outbox = try Outbox(path: folder.path + "/alerts.sqlite", at: 1)
            let first = (0..<50).map { Self.signal($0) }
            #expect(try log.append(first, at: 1).logged.count == 50)
            func entries(_ signals: [ProtoSignal]) -> [Outbox.Entry] {
                signals.map {
                    .init(
                        signal: SignalDocument($0), severity: .info,
                        decisions: [.init(channel: "c", route: "r", outcome: .deliver(lane: "l", readyAt: 0))])
                }
            }
            try outbox.insert(entries(first), positions: [7: 50], at: 1)
            try Self.fill(folder)

            // More than fits: refused as a whole, again and again, in words that say what to do.
            let second = (50..<10_000).map { Self.signal($0) }
            for _ in 0..<3 {
                let error = #expect(throws: StorageError.self) { try log.append(second, at: 2) }
                #expect(error?.description.contains("disk") == true, "\(error?.description ?? "")")
                let other = #expect(throws: StorageError.self) {
                    try outbox.insert(entries(second), positions: [7: 10_000], at: 2)
                }
                #expect(other?.description.contains("disk") == true, "\(other?.description ?? "")")
            }
            #expect(try log.extent.last == 50 && log.signals(after: 0, limit: 500).count == 50)
            #expect(try outbox.positions == [7: 50] && outbox.counts(.pending) == ["c": 50])

            try Self.free(folder)
            let third = (50..<500).map { Self.signal($0) }
            #expect(try log.append(third, at: 3).logged.map(\.logSequence) == (51...500).map { UInt64($0) })
            try outbox.insert(entries(third), positions: [7: 500], at: 3)
            #expect(try outbox.counts(.pending) == ["c": 500])
            for name in ["log", "alerts"] { #expect(try Self.integrity("\(folder.path)/\(name).sqlite") == "ok") }
        }
    }

    /// Detector and alerter as processes: unready and in words while the disk is full; then everything arrives.
    @Test(.enabled(if: canMount, "needs root, for a tmpfs of its own"), .timeLimit(.minutes(5)))
    func processesGoOnWhenThereIsSpaceAgain() async throws {
        try await withSmallDisk(4) { disk in
            let receiver = try Receiver(answers: [200])
            defer { receiver.stop() }
            let stage = try Stage(webhook: receiver.url, only: ["detector", "alerter"], state: disk)
            defer { stage.remove() }
            let source = try VectorSource(stage.features, symbols: ["AUSDT", "BUSDT"], signalsPerSecond: 100)
            #expect(await eventually { receiver.acceptedCount > 20 }, "\(stage.logs)")
            try Self.fill(disk)
            let isSaid = await eventually(within: 40) {
                await Web.get("http://127.0.0.1:\(stage.metricsPort("detector"))/ready")?.body.contains("disk") == true
            }
            #expect(isSaid, "\(stage.logs)")
            #expect(stage.log(of: "detector").contains("not logged and therefore not published"))
            // Alive all the time: no restart is asked for.
            #expect(await Web.get("http://127.0.0.1:\(stage.metricsPort("detector"))/health")?.status == 200)
            source.stop()
            try Self.free(disk)
            var head = 0.0
            let arrived = await eventually(within: 40) {
                head = await Web.metric(MetricName.signalLogHead, port: stage.metricsPort("detector")) ?? 0
                let detected = await Web.metric(MetricName.detections, port: stage.metricsPort("detector"))
                return head == detected && Set(receiver.acceptedIDs).count == Int(head)
            }
            #expect(arrived, "\(head) \(receiver.acceptedCount) \(stage.logs)")
            print("disk full: \(Int(head)) signals made, logged and delivered, none lost")
            await stage.stop()
            for name in ["signals", "alerts"] { #expect(try Self.integrity("\(disk.path)/\(name).sqlite") == "ok") }
        }
    }
}
