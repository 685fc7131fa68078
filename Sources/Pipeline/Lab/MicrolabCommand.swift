public import ArgumentParser

/// `microlab`: research on recordings, with the same code as live.
public struct MicrolabCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "microlab", abstract: "Research on recorded market data, with the same code as live.",
        version: Version.current, subcommands: [VerifyCommand.self])

    public init() {}
}
