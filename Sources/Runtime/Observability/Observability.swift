import Foundation
import Logging
import Metrics
import Synchronization

package enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// Sets up logs and metrics of the process, once.
package enum Observability {
    private static let shared = Mutex<PrometheusRegistry?>(nil)

    /// The second call returns the first one's registry: swift-log and swift-metrics can be set up only once.
    @discardableResult
    package static func bootstrap(
        service: String, level: Logger.Level, format: LogFormat, version: String
    ) -> PrometheusRegistry {
        shared.withLock { registry in
            if let registry { return registry }
            let created = PrometheusRegistry(descriptions: MetricName.all)
            MetricsSystem.bootstrap(created)
            LoggingSystem.bootstrap { label in
                var handler: any LogHandler =
                    switch format {
                    case .text: StreamLogHandler.standardError(label: label)
                    case .json: JSONLogHandler(label: label, service: service)
                    }
                handler.logLevel = level
                return handler
            }
            Gauge(label: MetricName.buildInfo, dimensions: [("version", version), ("service", service)]).record(1)
            registry = created
            return created
        }
    }
}
