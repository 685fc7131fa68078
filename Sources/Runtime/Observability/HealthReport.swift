/// The body of `/health` and `/ready`.
package struct HealthReport: Encodable, Sendable {
    package struct Part: Encodable, Sendable {
        let name: String
        let alive: Bool
        let ready: Bool
        let detail: String
    }

    package enum Question: Sendable {
        /// Is every part alive? If not, the process needs a restart.
        case health
        /// Is every part doing its job?
        case readiness
    }

    let status: String
    let service: String
    let version = Version.current
    let parts: [Part]
    /// `true` answers 200, `false` 503.
    package let isGood: Bool

    package init(_ question: Question, of health: Health, service: String) {
        let states = health.parts
        isGood =
            switch question {
            case .health: states.allSatisfy(\.isAlive)
            case .readiness: !states.isEmpty && states.allSatisfy { $0.isAlive && $0.isReady }
            }
        status = isGood ? "ok" : "unavailable"
        self.service = service
        parts = states.map { Part(name: $0.name, alive: $0.isAlive, ready: $0.isReady, detail: $0.detail) }
    }

    enum CodingKeys: String, CodingKey {
        case status, service, version, parts
    }
}
