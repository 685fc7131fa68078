import Pipeline

await IngestCommand.main()
