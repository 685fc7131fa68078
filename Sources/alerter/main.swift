import Pipeline

await AlerterCommand.main()
