import Pipeline

await DetectorCommand.launch()
