import Runtime
import Metrics
import Microstructure
import Venues

/// Reports a venue session's counts of one symbol to the metrics.
struct SessionMeters {
    private let counters: [(counter: Counter, count: @Sendable (SessionCounts) -> UInt64)]
    private var reported = SessionCounts()
    private var rejections: RejectionReport
    private var snapshotRejections: RejectionReport

    /// The meters of one symbol; `nil` for frames that belong to no symbol.
    init(venue: Venue, symbol: String?) {
        let families = symbol == nil ? Self.families.filter { Self.unattributed.contains($0.name) } : Self.families
        let labels = MetricLabels.market(venue: venue.rawValue, symbol: symbol ?? "none")
        rejections = RejectionReport(labels: labels)
        snapshotRejections = RejectionReport(labels: labels)
        counters = families.flatMap { family in
            family.counts.map { entry in
                let outcome = entry.outcome.map { [("outcome", $0)] } ?? []
                return (Counter(label: family.name, dimensions: labels + outcome), entry.count)
            }
        }
    }

    /// Reports the counts since the last call.
    mutating func report(_ counts: SessionCounts) {
        for (counter, count) in counters {
            let delta = count(counts) &- count(reported)
            if delta > 0 { counter.increment(by: Int64(clamping: delta)) }
        }
        rejections.report(counts.rejections)
        snapshotRejections.report(counts.snapshotRejections)
        reported = counts
    }

    private struct Family {
        let name: String
        let counts: [(outcome: String?, count: @Sendable (SessionCounts) -> UInt64)]
    }

    private static func one(_ name: String, _ count: @escaping @Sendable (SessionCounts) -> UInt64) -> Family {
        Family(name: name, counts: [(nil, count)])
    }

    private static let unattributed: Set = [MetricName.feedMessages, MetricName.feedFrames]

    /// The outcomes of `feedFrames` add up to `feedMessages`.
    private static let families: [Family] = [
        one(MetricName.feedMessages) { $0.messages },
        one(MetricName.feedBookUpdates) { $0.depthApplied },
        one(MetricName.feedTrades) { $0.trades },
        one(MetricName.feedQuotes) { $0.quotes },
        one(MetricName.feedGaps) { $0.gaps },
        one(MetricName.feedOverlaps) { $0.overlaps },
        one(MetricName.feedResyncs) { $0.resyncs },
        one(MetricName.feedMissedTrades) { $0.missedTrades },
        one(MetricName.feedLateTrades) { $0.lateTrades },
        one(MetricName.feedBackfilledTrades) { $0.backfilledTrades },
        one(MetricName.feedUnfilledTrades) { $0.unfilledTrades },
        one(MetricName.feedDuplicateTrades) { $0.duplicateTrades },
        one(MetricName.feedStale) { $0.staleSilences },
        one(MetricName.feedCrossedBooks) { $0.crossedBooks },
        one(MetricName.feedRefusedLevels) { $0.refusedLevels },
        Family(
            name: MetricName.feedChecksums,
            counts: [("passed", { $0.checksumsPassed }), ("failed", { $0.checksumFailures })]),
        one(MetricName.feedQuoteGaps) { $0.quoteGaps },
        one(MetricName.feedAggregatedTrades) { $0.aggregatedTrades },
        one(MetricName.feedWidenings) { $0.widenings },
        one(MetricName.feedExhaustedBooks) { $0.exhaustedBooks },
        one(MetricName.feedDepthBuffered) { $0.depthBuffered },
        Family(
            name: MetricName.feedFrames,
            counts: [
                ("depth_update", { $0.depthUpdates }), ("trade", { $0.trades }),
                ("duplicate_trade", { $0.duplicateTrades }), ("quote", { $0.quotes }),
                ("empty_quote", { $0.emptyQuotes }), ("old_quote", { $0.oldQuotes }),
                ("unknown_event", { $0.unknownEvents }), ("unknown_stream", { $0.unknownStreams }),
                ("acknowledgement", { $0.acknowledgements }), ("venue_error", { $0.venueErrors }),
                ("shutdown_notice", { $0.shutdownNotices }), ("rejected", { $0.rejections.total }),
            ]),
        Family(
            name: MetricName.feedDepthUpdates,
            counts: [
                ("applied", { $0.depthApplied }), ("covered_by_snapshot", { $0.depthCoveredBySnapshot }),
                ("old", { $0.depthIgnoredOld }), ("dropped", { $0.depthDropped }),
            ]),
        Family(
            name: MetricName.feedSnapshots,
            counts: [
                ("accepted", { $0.snapshots }), ("too_old", { $0.snapshotsTooOld }),
                ("crossed", { $0.snapshotsCrossed }), ("ignored", { $0.snapshotsIgnored }),
                ("failed", { $0.snapshotsFailed }), ("rejected", { $0.snapshotRejections.total }),
            ]),
    ]
}

/// Reports refused frames to the metrics, by kind.
private struct RejectionReport {
    private let labels: [(String, String)]
    private var reported = RejectionCounts()

    init(labels: [(String, String)]) { self.labels = labels }

    mutating func report(_ counts: RejectionCounts) {
        for kind in RejectionKind.allCases where counts[kind] > reported[kind] {
            Counter(label: MetricName.feedRejected, dimensions: labels + [("reason", "\(kind)")])
                .increment(by: Int64(clamping: counts[kind] - reported[kind]))
        }
        reported = counts
    }
}
