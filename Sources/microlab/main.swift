import Pipeline

await MicrolabCommand.main()
