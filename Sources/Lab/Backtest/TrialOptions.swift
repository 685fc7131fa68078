import ArgumentParser

/// Options of the commands that run trials on tapes and record them in the ledger.
package struct TrialOptions: ParsableArguments {
    @Argument(help: "Tapes, or folders of segments.") var tapes: [String] = []
    @Option(help: "The ledger of trials (default: trials.ndjson in the folder of states).") var ledger: String?
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}
}
