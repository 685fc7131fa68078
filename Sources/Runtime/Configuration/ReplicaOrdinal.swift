/// The replica number that an orchestrator assigns.
package enum ReplicaOrdinal {
    /// The replica's index from 0. A plain number counts from 1, like Swarm's task slots; a name ending in `-N` is a
    /// StatefulSet pod, counted from 0. `nil` if the text is neither.
    package static func index(_ text: String) -> Int? {
        if let number = Int(text) { return number >= 1 ? number - 1 : nil }
        guard let dash = text.lastIndex(of: "-") else { return nil }
        return Int(text[text.index(after: dash)...]).flatMap { $0 >= 0 ? $0 : nil }
    }
}
