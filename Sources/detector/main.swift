import Pipeline

await DetectorCommand.main()
