import Pipeline

await ExchangeSimCommand.main()
