/// Waits until `condition` holds; `false` when it does not within `seconds`. The only place that pauses.
package func eventually(within seconds: Double = 60, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))  // house-rule: the pause between two looks at a condition
    }
    return try await condition()
}
