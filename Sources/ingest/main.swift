import Ingest
import Runtime

await IngestCommand.launch()
