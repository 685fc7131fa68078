/// Every metric of the system, by the Prometheus conventions, with its HELP text.
public enum MetricName {
    public static let buildInfo = "microstructure_build_info"
    public static let seriesRefused = "microstructure_metric_series_refused_total"

    public static let busSent = "microstructure_bus_messages_sent_total"
    public static let busDropped = "microstructure_bus_messages_dropped_total"
    public static let busReceived = "microstructure_bus_messages_received_total"
    public static let busLost = "microstructure_bus_messages_lost_total"
    public static let busMissedAtJoin = "microstructure_bus_messages_missed_at_join_total"
    public static let busDuplicates = "microstructure_bus_messages_duplicate_total"
    public static let busRestarts = "microstructure_bus_producer_restarts_total"
    public static let busRejected = "microstructure_bus_messages_rejected_total"
    public static let busHop = "microstructure_bus_hop_seconds"

    public static let feedUp = "microstructure_feed_up"
    public static let bookValid = "microstructure_book_valid"
    public static let feedMessages = "microstructure_feed_messages_total"
    public static let feedBookUpdates = "microstructure_feed_book_updates_total"
    public static let feedTrades = "microstructure_feed_trades_total"
    public static let feedQuotes = "microstructure_feed_quotes_total"
    public static let feedGaps = "microstructure_feed_gaps_total"
    public static let feedResyncs = "microstructure_feed_resyncs_total"
    public static let feedReconnects = "microstructure_feed_reconnects_total"
    public static let feedRejected = "microstructure_feed_rejected_total"
    public static let feedMissedTrades = "microstructure_feed_missed_trades_total"
    public static let feedDuplicateTrades = "microstructure_feed_duplicate_trades_total"
    public static let feedLatency = "microstructure_feed_latency_seconds"
    public static let feedNegativeLatency = "microstructure_feed_negative_latency_total"
    public static let clockOffset = "microstructure_clock_offset_seconds"
    public static let clockError = "microstructure_clock_offset_error_seconds"

    public static let featureVectors = "microstructure_feature_vectors_total"
    public static let featureBookUpdates = "microstructure_feature_input_book_updates_total"
    public static let featureTrades = "microstructure_feature_input_trades_total"
    public static let featureSeconds = "microstructure_feature_processing_seconds"

    public static let detections = "microstructure_detections_total"
    public static let detectionsSuppressed = "microstructure_detections_suppressed_total"
    public static let detectorScore = "microstructure_detector_score"
    public static let detectorThreshold = "microstructure_detector_threshold"
    public static let detectorSeconds = "microstructure_detector_processing_seconds"
    public static let signalDelay = "microstructure_signal_delay_seconds"

    public static let alertsReceived = "microstructure_alerts_received_total"
    public static let alertsDelivered = "microstructure_alerts_delivered_total"
    public static let alertsFailed = "microstructure_alerts_failed_total"
    public static let alertsPending = "microstructure_alerts_pending"
    public static let alertSeconds = "microstructure_alert_delivery_seconds"

    public static let httpRequests = "microstructure_http_requests_total"
    public static let httpSeconds = "microstructure_http_request_seconds"
    public static let streamClients = "microstructure_stream_clients"
    public static let streamDropped = "microstructure_stream_clients_dropped_total"
    public static let signalsStored = "microstructure_signals_stored"

    static let all: [MetricDescription] = [
        .init(buildInfo, "Always 1; the labels state version and service."),
        .init(seriesRefused, "Metric series refused because the process has too many."),
        .init(busSent, "Messages handed to ZeroMQ, by topic kind."),
        .init(busDropped, "Messages that ZeroMQ refused. What a slow subscriber loses shows in its own lost count."),
        .init(busReceived, "Messages received from the bus, by topic kind."),
        .init(busLost, "Messages that the sequences show were sent but never came."),
        .init(busMissedAtJoin, "Messages sent before this process had joined their topic."),
        .init(busDuplicates, "Messages that came again, or from a producer already replaced."),
        .init(busRestarts, "Times that a producer of a followed topic restarted."),
        .init(busRejected, "Bus messages refused, by kind of fault."),
        .init(busHop, "From a producer's send to this process's receive, host clocks as they are."),
        .init(feedUp, "1 while the venue connection of the symbol is open."),
        .init(bookValid, "1 while the symbol's book is VALID."),
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
        .init(feedLatency, "Receive time minus venue time, corrected by the clock offset."),
        .init(feedNegativeLatency, "Latencies below zero: the clocks disagree by more than the offset corrects."),
        .init(clockOffset, "Venue clock minus local clock."),
        .init(clockError, "Error bound of the clock offset: half the shortest round trip."),
        .init(featureVectors, "Feature vectors published."),
        .init(featureBookUpdates, "Book updates that reached the feature engine."),
        .init(featureTrades, "Trades that reached the feature engine."),
        .init(featureSeconds, "Time to turn one bus message into features, decoding and encoding included."),
        .init(detections, "Signals published, by type."),
        .init(detectionsSuppressed, "Signals held back, by type and reason."),
        .init(
            detectorScore, "Scores of the published signals.",
            buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1]),
        .init(detectorThreshold, "Dynamic threshold in force."),
        .init(detectorSeconds, "Time to judge one feature vector, decoding included."),
        .init(signalDelay, "From the receive time of the market event to the signal's publication."),
        .init(alertsReceived, "Signals received for alerting."),
        .init(alertsDelivered, "Alerts that a sink accepted, by sink."),
        .init(alertsFailed, "Alerts given up, by sink and reason."),
        .init(alertsPending, "Alerts waiting for delivery, by sink."),
        .init(alertSeconds, "From receipt of a signal to its acceptance by the sink."),
        .init(httpRequests, "HTTP requests answered, by route and status."),
        .init(httpSeconds, "Time to answer an HTTP request, by route."),
        .init(streamClients, "Open live streams."),
        .init(streamDropped, "Live streams closed because their reader was too slow."),
        .init(signalsStored, "Signals held for queries."),
    ]
}
