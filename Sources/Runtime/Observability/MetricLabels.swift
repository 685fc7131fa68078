/// Labels that several programs give their series.
package enum MetricLabels {
    /// A market's labels: two venues of one symbol have series of their own.
    package static func market(venue: String, symbol: String) -> [(String, String)] {
        [("venue", venue), ("symbol", symbol)]
    }
}
