import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct KrakenTests {
    private static let recording = "venues-2021/KRAKEN-20210405.txt.zst"

    /// All 14,496 checksums of the recording hold, of ten books.
    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedChecksumHolds() throws {
        let replay = try StreamRecording<KrakenFirstReader>([Self.recording], KrakenAdapter(options: .standard))
        let counts = replay.counts
        #expect(replay.session.instruments.count == 10)
        #expect(replay.session.instruments.contains { $0.symbol == "BTCUSD" && $0.venueSymbol == "XBT/USD" })
        #expect(counts.checksumsPassed == 14_496 && counts.checksumFailures == 0)
        #expect(counts.rejections.total == 0 && replay.refused == 0)
        #expect(counts.resyncs == 0 && counts.snapshots == 10 && replay.crossed == 0)
    }
}
