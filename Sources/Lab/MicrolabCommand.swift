import Runtime
import ArgumentParser

/// `microlab`: research on recordings, with the same code as live.
package struct MicrolabCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "microlab", abstract: "Research on recorded market data, with the same code as live.",
        version: Version.current,
        subcommands: [
            ImportCommand.self, ExportCommand.self, InfoCommand.self, RecordCommand.self, ReplayCommand.self,
            VerifyCommand.self, FeaturesExportCommand.self, ChangePointsCommand.self,
            DetectCommand.self, CalibrateCommand.self, ExplainCommand.self, ScoreCommand.self, BacktestCommand.self,
            SweepCommand.self, SynthCommand.self, InjectCommand.self, FactsCommand.self, ScoreboardCommand.self,
            KeysCommand.self, VenuesCommand.self,
        ])

    package init() {}
}
