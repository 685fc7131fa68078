import ExchangeSim
import Runtime

await ExchangeSimCommand.launch()
