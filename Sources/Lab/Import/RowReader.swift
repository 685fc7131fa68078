/// Reads files in which each row is one message.
protocol RowReader: MessageReader {
    var rows: CSVRows { get }
    /// `nil` where the file names no exchange.
    var exchange: ExchangeColumn? { get }
    /// The message of the row at hand.
    func message() throws(RowProblem) -> ImportMessage
}

extension RowReader {
    var bytesRead: Int { rows.bytesRead }

    /// The next message; reports and skips rows that are not messages.
    func next(_ report: inout ImportReport) -> ImportMessage? {
        while rows.next(&report) {
            do throws(RowProblem) {
                try exchange?.check(rows)
                return try message()
            } catch {
                report.note(.badRow, rows.path, rows.line, error.text)
            }
        }
        return nil
    }
}
