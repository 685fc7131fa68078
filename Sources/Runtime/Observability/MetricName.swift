/// Every metric of the system, by the Prometheus conventions, with its HELP text.
package enum MetricName {
    package static let buildInfo = "microstructure_build_info"
    package static let seriesRefused = "microstructure_metric_series_refused_total"

    package static let busSent = "microstructure_bus_messages_sent_total"
    package static let busDropped = "microstructure_bus_messages_dropped_total"
    package static let busReceived = "microstructure_bus_messages_received_total"
    package static let busLost = "microstructure_bus_messages_lost_total"
    package static let busMissedAtJoin = "microstructure_bus_messages_missed_at_join_total"
    package static let busDuplicates = "microstructure_bus_messages_duplicate_total"
    package static let busRestarts = "microstructure_bus_producer_restarts_total"
    package static let busRejected = "microstructure_bus_messages_rejected_total"
    package static let busSubscriptions = "microstructure_bus_subscriptions"
    package static let busHop = "microstructure_bus_hop_seconds"

    package static let feedUp = "microstructure_feed_up"
    package static let bookValid = "microstructure_book_valid"
    package static let tradingStatus = "microstructure_trading_status"
    package static let unknownSymbol = "microstructure_symbol_unknown"
    package static let feedMessages = "microstructure_feed_messages_total"
    package static let feedBookUpdates = "microstructure_feed_book_updates_total"
    package static let feedTrades = "microstructure_feed_trades_total"
    package static let feedQuotes = "microstructure_feed_quotes_total"
    package static let feedGaps = "microstructure_feed_gaps_total"
    package static let feedResyncs = "microstructure_feed_resyncs_total"
    package static let feedReconnects = "microstructure_feed_reconnects_total"
    package static let feedRejected = "microstructure_feed_rejected_total"
    package static let feedMissedTrades = "microstructure_feed_missed_trades_total"
    package static let feedDuplicateTrades = "microstructure_feed_duplicate_trades_total"
    package static let feedRotations = "microstructure_feed_rotations_total"
    package static let feedKeysRefused = "microstructure_feed_keys_refused_total"
    package static let feedLateTrades = "microstructure_feed_late_trades_total"
    package static let feedBackfilledTrades = "microstructure_feed_backfilled_trades_total"
    package static let feedUnfilledTrades = "microstructure_feed_unfilled_trades_total"
    package static let feedStale = "microstructure_feed_stale_total"
    package static let feedCrossedBooks = "microstructure_feed_crossed_books_total"
    package static let feedChecksums = "microstructure_feed_checksums_total"
    package static let feedRefusedLevels = "microstructure_feed_refused_levels_total"
    package static let feedExhaustedBooks = "microstructure_feed_exhausted_books_total"
    package static let feedOverlaps = "microstructure_feed_overlaps_total"
    package static let feedFrames = "microstructure_feed_frames_total"
    package static let feedDepthUpdates = "microstructure_feed_depth_updates_total"
    package static let feedDepthBuffered = "microstructure_feed_depth_updates_buffered_total"
    package static let feedSnapshots = "microstructure_feed_snapshots_total"
    package static let feedSilentChannels = "microstructure_feed_silent_channels"
    package static let feedMissingTrades = "microstructure_feed_missing_trades"
    package static let feedQuoteGaps = "microstructure_feed_quote_gaps_total"
    package static let feedAggregatedTrades = "microstructure_feed_aggregated_trades_total"
    package static let feedWidenings = "microstructure_feed_widenings_total"
    package static let feedRecovery = "microstructure_feed_recovery_seconds"
    package static let feedLatencyPercentile = "microstructure_feed_latency_percentile_seconds"
    package static let clockDrift = "microstructure_clock_drift_ratio"
    package static let feedLatency = "microstructure_feed_latency_seconds"
    package static let feedNegativeLatency = "microstructure_feed_negative_latency_total"
    package static let clockOffset = "microstructure_clock_offset_seconds"
    package static let clockError = "microstructure_clock_offset_error_seconds"

    package static let ingestSeconds = "microstructure_ingest_processing_seconds"
    package static let requestWeightUsed = "microstructure_request_weight_used"
    package static let requestWeightLimit = "microstructure_request_weight_limit"
    package static let connectionAttemptsUsed = "microstructure_connection_attempts_used"
    package static let connectionAttemptsLimit = "microstructure_connection_attempts_limit"

    package static let featureVectors = "microstructure_feature_vectors_total"
    package static let featureBookUpdates = "microstructure_feature_input_book_updates_total"
    package static let featureTrades = "microstructure_feature_input_trades_total"
    package static let featureAnomalies = "microstructure_feature_input_anomalies_total"
    package static let featureSeconds = "microstructure_feature_processing_seconds"

    package static let detections = "microstructure_detections_total"
    package static let detectionsSuppressed = "microstructure_detections_suppressed_total"
    package static let detectorScore = "microstructure_detector_score"
    package static let detectorThreshold = "microstructure_detector_threshold"
    package static let detectorVectors = "microstructure_detector_vectors_total"
    package static let detectorIgnored = "microstructure_detector_vectors_ignored_total"
    package static let detectorUnusableValues = "microstructure_detector_values_ignored_total"
    package static let detectorBookResets = "microstructure_detector_book_resets_total"
    package static let detectorAlarms = "microstructure_detector_alarms_total"
    package static let detectorStatistic = "microstructure_detector_statistic"
    package static let detectorStatisticThreshold = "microstructure_detector_statistic_threshold"
    package static let detectorBudget = "microstructure_detector_budget_signals_per_day"
    package static let detectorBudgetUse = "microstructure_detector_budget_use_ratio"
    package static let detectorEnsembleScore = "microstructure_detector_ensemble_score"
    package static let detectorSeconds = "microstructure_detector_processing_seconds"
    package static let signalDelay = "microstructure_signal_delay_seconds"

    package static let signalsLogged = "microstructure_signals_logged_total"
    package static let signalsLoggedTwice = "microstructure_signals_logged_duplicate_total"
    package static let signalsPruned = "microstructure_signals_pruned_total"
    package static let checkpointFailures = "microstructure_detector_checkpoint_failures_total"
    package static let signalLogFailures = "microstructure_signal_log_failures_total"
    package static let signalLogHead = "microstructure_signal_log_last_sequence"
    package static let signalLogSeconds = "microstructure_signal_log_commit_seconds"
    package static let signalsReplayed = "microstructure_signals_replayed_total"
    package static let signalsFollowedTwice = "microstructure_signals_duplicate_total"
    package static let signalsUnfilled = "microstructure_signals_lost_total"

    package static let alertsReceived = "microstructure_alerts_received_total"
    package static let alertsDelivered = "microstructure_alerts_delivered_total"
    package static let alertsFailed = "microstructure_alerts_failed_total"
    package static let alertsPending = "microstructure_alerts_pending"
    package static let alertsSuppressed = "microstructure_alerts_suppressed_total"
    package static let alertMessages = "microstructure_alert_messages_total"
    package static let alertRetries = "microstructure_alert_retries_total"
    package static let alertRateLimited = "microstructure_alert_rate_limited_total"
    package static let alertCircuitOpen = "microstructure_alert_circuit_open"
    package static let alertChannelHeld = "microstructure_alert_channel_held"
    package static let alertsDead = "microstructure_alerts_dead"
    package static let alertSeconds = "microstructure_alert_delivery_seconds"

    package static let httpRequests = "microstructure_http_requests_total"
    package static let httpSeconds = "microstructure_http_request_seconds"
    package static let tlsFailures = "microstructure_http_tls_failures_total"
    package static let streamClients = "microstructure_stream_clients"
    package static let streamDropped = "microstructure_stream_clients_dropped_total"
    package static let liveViews = "microstructure_live_views"
    package static let liveViewsDropped = "microstructure_live_views_dropped_total"
    package static let signalsStored = "microstructure_signals_stored"
    package static let signalsUnlogged = "microstructure_gateway_unlogged_signals"
    package static let storeFailures = "microstructure_gateway_store_failures_total"

    package static let tapeRecords = "microstructure_tape_records_total"
    package static let tapeBytes = "microstructure_tape_bytes_total"
    package static let tapeDropped = "microstructure_tape_records_dropped_total"
    package static let tapeErrors = "microstructure_tape_write_errors_total"
    package static let tapeBuffered = "microstructure_tape_buffered_bytes"
    package static let tapeSegmentsDeleted = "microstructure_tape_segments_deleted_total"

    static let all: [MetricDescription] = [
        .init(buildInfo, "Always 1; the labels state version and service."),
        .init(seriesRefused, "Metric series refused because the process has too many."),
        .init(busSent, "Messages handed to ZeroMQ, by topic: sent = received + lost + missed at join."),
        .init(busDropped, "Messages that ZeroMQ refused. What a slow subscriber loses shows in its own lost count."),
        .init(busReceived, "Messages received from the bus, by topic."),
        .init(busLost, "Messages that the sequences show were sent but never came."),
        .init(busMissedAtJoin, "Messages sent before this process had joined their topic."),
        .init(busDuplicates, "Messages that came again, or from a producer already replaced."),
        .init(busRestarts, "Times that a producer of a followed topic restarted."),
        .init(busRejected, "Bus messages refused, by kind of fault."),
        .init(
            busSubscriptions, "Subscriptions now open at this publisher; a consumer with several prefixes has several."),
        .init(busHop, "From a producer's send to this process's receive, host clocks as they are."),
        .init(feedUp, "1 while the venue connection of the symbol is open."),
        .init(bookValid, "1 while the symbol's book is VALID."),
        .init(
            tradingStatus, "1 for the status that the venue gives the symbol's market, 0 for one that it had before."),
        .init(unknownSymbol, "1 while the venue does not list the symbol: it is set aside and asked for again."),
        .init(feedMessages, "Frames received from the venue."),
        .init(feedBookUpdates, "Book updates applied to a VALID book."),
        .init(feedTrades, "Trades received from the venue."),
        .init(feedQuotes, "Best bid and offer messages received from the venue."),
        .init(feedGaps, "Holes in the venue's sequence of book updates."),
        .init(feedResyncs, "Books discarded and fetched anew."),
        .init(feedReconnects, "Connections to the venue after the first."),
        .init(feedRejected, "Frames from the venue that were refused, by kind of fault."),
        .init(feedMissedTrades, "Trades that the venue's contiguous ids show were missed."),
        .init(feedDuplicateTrades, "Trades that came twice and were dropped."),
        .init(feedRotations, "Connections to the venue replaced without a break."),
        .init(
            feedKeysRefused, "Times that the venue refused the key, so that its streams without a key are followed."),
        .init(feedLateTrades, "Missed trades that came over the stream after all."),
        .init(feedBackfilledTrades, "Trades fetched over REST after a hole."),
        .init(feedUnfilledTrades, "Missed trades that were given up: beyond the limit, or not to be had."),
        .init(feedStale, "Times that a stream was silent beyond the limit learnt for it."),
        .init(feedCrossedBooks, "Books discarded because best ask was not above best bid."),
        .init(feedChecksums, "Books compared with the venue's checksum, by outcome; a failed one is discarded."),
        .init(feedRefusedLevels, "Single book levels left out because their numbers make no sense."),
        .init(feedQuoteGaps, "Holes in the quotes that the book has proven."),
        .init(feedAggregatedTrades, "Backfilled trades of which only the sum of several is known."),
        .init(feedWidenings, "Live books that were told more levels."),
        .init(
            feedExhaustedBooks, "Books discarded because an update brought levels that the snapshot had not told of."),
        .init(feedOverlaps, "Book updates that began before the end of the one before: harmless."),
        .init(
            feedFrames, "Frames received from the venue, by what they turned out to be; they add up to the messages."),
        .init(feedDepthUpdates, "Book updates that have reached their end, by which end."),
        .init(feedDepthBuffered, "Book updates that had to wait for a snapshot."),
        .init(feedSnapshots, "Answers to requests for a snapshot, by what became of them."),
        .init(feedSilentChannels, "Channels of the symbol that are silent beyond the limit learnt for them."),
        .init(feedMissingTrades, "Trades known to exist that are still waited for."),
        .init(
            feedRecovery, "From the loss of validity to the next VALID book.",
            buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]),
        .init(feedLatencyPercentile, "Latency percentiles over the last minute, corrected by the clock offset."),
        .init(clockDrift, "How much the venue's clock gains on the local one, seconds a second."),
        .init(feedLatency, "Receive time minus venue time, corrected by the clock offset."),
        .init(feedNegativeLatency, "Latencies below zero: the clocks disagree by more than the offset corrects."),
        .init(clockOffset, "Venue clock minus local clock."),
        .init(clockError, "Error bound of the clock offset: half the shortest round trip."),
        .init(ingestSeconds, "Time to turn one frame of the venue into bus messages."),
        .init(requestWeightUsed, "Request weight used in this minute by this address, as far as known."),
        .init(requestWeightLimit, "Request weight a minute that the venue allows an address."),
        .init(
            connectionAttemptsUsed,
            "Attempts to connect in the last five minutes, of all processes that share the lease directory."),
        .init(connectionAttemptsLimit, "Attempts to connect in five minutes that the venue allows an address."),
        .init(featureVectors, "Feature vectors published."),
        .init(featureBookUpdates, "Book updates that reached the feature engine."),
        .init(featureTrades, "Trades that reached the feature engine."),
        .init(featureAnomalies, "Events that the feature engine took with a reservation or not at all, by reason."),
        .init(featureSeconds, "Time to turn one bus message into features, decoding and encoding included."),
        .init(detections, "Signals published, by type."),
        .init(detectionsSuppressed, "Signals held back, by type and reason."),
        .init(
            detectorScore, "Scores of the published signals.",
            buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1]),
        .init(detectorThreshold, "Dynamic threshold in force."),
        .init(detectorVectors, "Feature vectors handed to the detectors."),
        .init(detectorIgnored, "Feature vectors that the detectors did not use, by reason."),
        .init(detectorUnusableValues, "Infinite or absurd values of watched features, taken as missing."),
        .init(detectorBookResets, "Times that the detectors which look at the book started again."),
        .init(detectorAlarms, "Alarms of single detectors; several in one vector make one candidate."),
        .init(detectorStatistic, "Where each detector stands, in standard deviations; NaN while warming up."),
        .init(detectorStatisticThreshold, "What the magnitude of the detector's statistic must exceed for an alarm."),
        .init(detectorBudget, "Signals a day that the profile's budget allows the symbol; absent without a budget."),
        .init(detectorBudgetUse, "Signals of about the last day over the budget's a day; absent without a budget."),
        .init(detectorEnsembleScore, "Score of the last valid vector, all detectors together, in [0, 1)."),
        .init(detectorSeconds, "Time to judge one feature vector, decoding included."),
        .init(signalDelay, "From the receive time of the market event to the signal's publication."),
        .init(signalsLogged, "Signals appended to the signal log."),
        .init(signalsLoggedTwice, "Signals that the signal log held already."),
        .init(signalsPruned, "Signals that retention deleted from the signal log."),
        .init(checkpointFailures, "Attempts to save a detector bank for the next start that failed."),
        .init(signalLogFailures, "Attempts to write the signal log that failed; nothing is published meanwhile."),
        .init(signalLogHead, "Sequence of the newest signal in the log."),
        .init(signalLogSeconds, "Time of one commit of the signal log, sync included."),
        .init(signalsReplayed, "Signals that a replay of a signal log brought, not the live topic."),
        .init(signalsFollowedTwice, "Signals that came again and were dropped."),
        .init(signalsUnfilled, "Signals that their log no longer held when they were asked for."),
        .init(alertsReceived, "Signals received for alerting."),
        .init(alertsDelivered, "Alerts that a sink accepted, by sink."),
        .init(alertsFailed, "Alerts given up, by sink and reason."),
        .init(alertsPending, "Alerts waiting for delivery, by sink."),
        .init(alertsSuppressed, "Alerts that the policy kept back, by channel and reason."),
        .init(alertMessages, "Messages that a sink accepted; one may carry many alerts."),
        .init(alertRetries, "Attempts to deliver a message that failed and are repeated, by sink."),
        .init(alertRateLimited, "Times that a sink asked for a pause (Retry-After)."),
        .init(alertCircuitOpen, "1 while a sink fails so often that it is tried only now and then."),
        .init(alertChannelHeld, "1 while a sink accepts nothing until a person mends its address, token or chat."),
        .init(alertsDead, "Alerts given up and waiting for `alerter retry`, by sink."),
        .init(
            alertSeconds, "From receipt of a signal to its acceptance by the sink.",
            buckets: [
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200,
            ]),
        .init(httpRequests, "HTTP requests answered, by route and status."),
        .init(httpSeconds, "Time to answer an HTTP request, by route."),
        .init(tlsFailures, "Connections closed by the TLS layer, by reason: handshake, timeout, closed, record."),
        .init(streamClients, "Open live streams."),
        .init(streamDropped, "Live streams closed because their reader was too slow."),
        .init(liveViews, "Live views of markets that are open."),
        .init(liveViewsDropped, "Live views closed because their client did not read."),
        .init(signalsStored, "Signals held for queries."),
        .init(signalsUnlogged, "Posted signals that no detector's log has taken yet."),
        .init(storeFailures, "Times that the gateway could not write its store; it tries again."),
        .init(tapeRecords, "Records taken for the tape."),
        .init(tapeBytes, "Bytes written to the tape, compressed."),
        .init(tapeDropped, "Records that found no room: the disk was full, and so was the buffer."),
        .init(tapeErrors, "Attempts to write or begin a segment that failed."),
        .init(tapeBuffered, "Bytes that wait to be written."),
        .init(tapeSegmentsDeleted, "Segments deleted because they were old, or the tape too large."),
    ]
}
