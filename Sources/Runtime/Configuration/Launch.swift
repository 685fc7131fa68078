import ArgumentParser

extension AsyncParsableCommand {
    /// Parses the command line and runs. `main.swift` calls this instead of `main()`: top-level code would pick the
    /// synchronous `main()` of the same name, which refuses asynchronous commands.
    package static func launch() async { await main() }
}
