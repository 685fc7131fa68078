import Pipeline

await ExchangeSimCommand.launch()
