/// The number that an orchestrator gives a replica.
package enum ReplicaOrdinal {
    /// The replica's index from 0: a number counts from 1, as Swarm's task slots do; a name that ends in `-N` is a pod of a
    /// StatefulSet, counted from 0. `nil` where the text is neither.
    package static func index(_ text: String) -> Int? {
        if let number = Int(text) { return number >= 1 ? number - 1 : nil }
        guard let dash = text.lastIndex(of: "-") else { return nil }
        return Int(text[text.index(after: dash)...]).flatMap { $0 >= 0 ? $0 : nil }
    }
}
