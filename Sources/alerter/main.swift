import Pipeline

await AlerterCommand.launch()
