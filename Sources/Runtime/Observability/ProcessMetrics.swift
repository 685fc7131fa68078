import Foundation

/// Process metrics from the system, under the names of Prometheus' own clients. Empty without `/proc`.
/// Source: Prometheus, "Writing client libraries", process metrics; proc(5).
enum ProcessMetrics {
    struct Reading {
        let name: String
        let type: String
        let help: String
        let value: Double
    }

    static func read() -> [Reading] {
        // The program name is in parentheses and may hold any character, so count the fields after it.
        guard let stat = text("/proc/self/stat"), let nameEnd = stat.lastIndex(of: ")") else { return [] }
        let fields = stat[nameEnd...].split(separator: " ").dropFirst().map(String.init)
        // The first of these is field 3 of proc(5).
        func field(_ number: Int) -> Double? { fields.count > number - 3 ? Double(fields[number - 3]) : nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var readings: [Reading] = []
        func add(_ name: String, _ type: String, _ help: String, _ value: Double?) {
            if let value { readings.append(Reading(name: name, type: type, help: help, value: value)) }
        }
        let busy = field(14).flatMap { user in field(15).map { (user + $0) / ticks } }
        add("process_cpu_seconds_total", "counter", "User and system time used, in seconds.", busy)
        add("process_virtual_memory_bytes", "gauge", "Virtual memory in bytes.", field(23))
        let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
        add("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", field(24).map { $0 * pageSize })
        let started = bootTime.flatMap { boot in field(22).map { boot + $0 / ticks } }
        add("process_start_time_seconds", "gauge", "Start of the process, seconds since 1970.", started)
        let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        add("process_open_fds", "gauge", "Open file descriptors.", descriptors.map(Double.init))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            add("process_max_fds", "gauge", "Most file descriptors that may be open.", Double(limit.rlim_cur))
        }
        return readings
    }

    /// Start of the machine, seconds since 1970.
    private static let bootTime: Double? = text("/proc/stat").flatMap { stat in
        stat.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
