import Runtime
import Foundation
import Hummingbird
import NIOCore
import Wire

/// `GET /api/v1/stats`: each symbol's feed statistics, as last reported by its `ingest`.
struct StatsController: Sendable {
    let board: FeedBoard

    struct Document: Encodable {
        let symbols: [Feed]
    }

    /// Counts start with the symbol's `ingest`. Unknown values are absent.
    struct Feed: Encodable {
        let symbol: String
        let venue: String
        let producer: String
        /// VALID, RESYNCING or STALE; also STALE after ten seconds without a Status.
        let validity: String
        let ageSeconds: Double
        /// Whether `ingest` is connected to the venue; `false` after ten seconds without a Status.
        let feedUp: Bool
        /// Whether the market trades, as the venue says, e.g. `TRADING`, `HALTED`, `NOT_LISTED`.
        let tradingStatus: String?
        let silentChannels: [String]
        let messageCount: UInt64
        let reconnectCount: UInt64
        let gapCount: UInt64
        let medianLatencyMs: Double?
        let p95LatencyMs: Double?
        let p99LatencyMs: Double?
        /// Venue clock minus the clock of `ingest`, with its error bound and its rate of change.
        let clockDriftMs: Double?
        let clockErrorMs: Double?
        let clockDriftPpm: Double?
        let negativeLatencyCount: UInt64
        let rotationCount: UInt64
        let resyncCount: UInt64
        let staleCount: UInt64
        let crossedBookCount: UInt64
        let rejectedCount: UInt64
        let dropCount: UInt64
        let lastRecoveryMs: Double?
        let worstRecoveryMs: Double?
        let tradeCount: UInt64
        let missedTradeCount: UInt64
        let lateTradeCount: UInt64
        let backfilledTradeCount: UInt64
        let unfilledTradeCount: UInt64
        let missingTradeCount: UInt64
        let duplicateTradeCount: UInt64
        let quoteGapCount: UInt64
        let aggregatedTradeCount: UInt64
        let wideningCount: UInt64
        let requestWeightUsed: UInt32
        let connectionAttempts: UInt32

        init(_ entry: FeedBoard.Entry, at now: Int64) {
            func milliseconds(_ nanoseconds: Int64, _ isKnown: Bool) -> Double? {
                isKnown ? Double(nanoseconds) / 1e6 : nil
            }
            let status = entry.status
            symbol = entry.symbol
            venue = entry.venue
            producer = entry.producer
            ageSeconds = entry.ageSeconds(at: now)
            validity = entry.validity(at: now)
            feedUp = entry.isUp(at: now)
            tradingStatus = status.tradingStatus.isEmpty ? nil : status.tradingStatus
            silentChannels = status.silentChannels
            messageCount = status.messageCount
            reconnectCount = status.reconnectCount
            gapCount = status.gapCount
            medianLatencyMs = milliseconds(status.latencyP50Ns, status.hasLatencyP50Ns)
            p95LatencyMs = milliseconds(status.latencyP95Ns, status.hasLatencyP95Ns)
            p99LatencyMs = milliseconds(status.latencyP99Ns, status.hasLatencyP99Ns)
            clockDriftMs = milliseconds(status.clockOffsetNs, status.hasClockOffsetNs)
            clockErrorMs = milliseconds(status.clockErrorNs, status.hasClockErrorNs)
            clockDriftPpm = status.hasClockDriftPpm ? status.clockDriftPpm : nil
            negativeLatencyCount = status.negativeLatencyCount
            rotationCount = status.rotationCount
            resyncCount = status.resyncCount
            staleCount = status.staleCount
            crossedBookCount = status.crossedBookCount
            rejectedCount = status.rejectedCount
            dropCount = status.dropCount
            lastRecoveryMs = milliseconds(status.lastRecoveryNs, status.hasLastRecoveryNs)
            worstRecoveryMs = milliseconds(status.worstRecoveryNs, status.hasWorstRecoveryNs)
            tradeCount = status.tradeCount
            missedTradeCount = status.missedTradeCount
            lateTradeCount = status.lateTradeCount
            backfilledTradeCount = status.backfilledTradeCount
            unfilledTradeCount = status.unfilledTradeCount
            missingTradeCount = status.missingTradeCount
            duplicateTradeCount = status.duplicateTradeCount
            quoteGapCount = status.quoteGapCount
            aggregatedTradeCount = status.aggregatedTradeCount
            wideningCount = status.wideningCount
            requestWeightUsed = status.requestWeightUsed
            connectionAttempts = status.connectionAttempts
        }
    }

    var routes: [Route] {
        [Route("/api/v1/stats", "Accounts of each symbol's feed; (symbol, venue).", [.get: stats])]
    }

    @Sendable private func stats(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let wanted = try MarketFilter(QueryParameters(request, allowed: MarketFilter.names))
        let now = HostClock.monotonicNanoseconds
        let entries = board.all.filter { wanted.matches(symbol: $0.symbol, venue: $0.venue) }
        if !wanted.isEmpty, entries.isEmpty {
            throw Problem(.notFound, "no feed of \(wanted.text) has been heard; /api/v1/stats lists those that have")
        }
        return .json(try Self.encode(Document(symbols: entries.map { Feed($0, at: now) })))
    }

    static func encode(_ value: some Encodable) throws -> ByteBuffer {
        // A status comes from the bus: NaN or infinity in one field must not fail the whole answer.
        ByteBuffer(bytes: try CompactJSON.bytes(value, isSnakeCase: true, namesNonFinite: true))
    }
}
