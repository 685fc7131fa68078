import Pipeline

await IngestCommand.launch()
