/// Frames of Coinbase Advanced's feed.
enum AdvancedMessage {
    /// Source: lgoyal6/tickvault, `tests/fixtures/coinbase_l2.jsonl`, 2026-08-24; the book is cut.
    static let frames = [
        """
        {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793075885Z","sequence_num":0,"events":[{"type":"snapshot",\
        "product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z","price_level":\
        "78856.05","new_quantity":"0.0476177"},{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z","price_level":\
        "78855.79","new_quantity":"0.00050725"},{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z","price_level":\
        "78855.47","new_quantity":"0.02540066"},{"side":"offer","event_time":"2026-08-24T22:34:13.483122Z",\
        "price_level":"78856.06","new_quantity":"0.0801158"},{"side":"offer","event_time":\
        "2026-08-24T22:34:13.483122Z","price_level":"78857.75","new_quantity":"0.2881107"}]}]}
        """,
        """
        {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.813164957Z","sequence_num":1,"events":[{"type":"update",\
        "product_id":"BTC-USD","updates":[]}]}
        """,
        """
        {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.813365299Z","sequence_num":2,"events":[{"type":"update",\
        "product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-24T22:34:13.592233Z","price_level":\
        "78856.05","new_quantity":"0.04868907"},{"side":"offer","event_time":"2026-08-24T22:34:13.592233Z",\
        "price_level":"78856.06","new_quantity":"0.08011579"}]}]}
        """,
        """
        {"channel":"subscriptions","timestamp":"2026-08-24T22:34:13.813379359Z","sequence_num":3,"events":\
        [{"subscriptions":{"level2":["BTC-USD"]}}]}
        """,
        """
        {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.814101699Z","sequence_num":4,"events":[{"type":"update",\
        "product_id":"BTC-USD","updates":[]}]}
        """,
        """
        {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.814820316Z","sequence_num":5,"events":[{"type":"update",\
        "product_id":"BTC-USD","updates":[{"side":"offer","event_time":"2026-08-24T22:34:13.685628Z","price_level":\
        "78856.06","new_quantity":"0.18983152"},{"side":"offer","event_time":"2026-08-24T22:34:13.685628Z",\
        "price_level":"78857.64","new_quantity":"0.02536216"},{"side":"offer","event_time":\
        "2026-08-24T22:34:13.685628Z","price_level":"78857.75","new_quantity":"0.1785107"}]}]}
        """,
    ]

    /// Source: ccxt/ccxt, issue 27606, frames of 2025-12-31; the last one is cut to its first two trades.
    static let trades = [
        """
        {"channel":"market_trades","client_id":"","timestamp":"2025-12-31T06:00:12.516946132Z","sequence_num":1851,\
        "events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248657","price":"88355.59","size":\
        "0.00136573","time":"2025-12-31T06:00:12.44524Z","side":"SELL"}]}]}
        """,
        """
        {"channel":"market_trades","client_id":"","timestamp":"2025-12-31T06:00:12.71649013Z","sequence_num":1852,\
        "events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248658","price":"88355.59","size":\
        "0.00022409","time":"2025-12-31T06:00:12.605867Z","side":"SELL"}]}]}
        """,
        """
        {"channel":"market_trades","client_id":"","timestamp":"2025-12-31T06:00:13.517299727Z","sequence_num":1853,\
        "events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248659","price":"88355.58","size":\
        "0.00006677","time":"2025-12-31T06:00:13.45609Z","side":"BUY"}]}]}
        """,
        """
        {"channel":"market_trades","client_id":"","timestamp":"2025-12-31T06:00:13.715382929Z","sequence_num":1854,\
        "events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248663","price":"88355.58","size":\
        "0.00003338","time":"2025-12-31T06:00:13.654578Z","side":"BUY"},{"product_id":"BTC-USD","trade_id":"929248662",\
        "price":"88355.59","size":"0.00099993","time":"2025-12-31T06:00:13.613311Z","side":"SELL"}]}]}
        """,
    ]

    /// Source: nautechsystems/nautilus_trader, `crates/adapters/coinbase/test_data/ws_ticker.json` and
    /// `ws_heartbeats.json`, without white space.
    static let ticker = """
        {"channel":"ticker","client_id":"","timestamp":"2026-04-07T14:30:03.000000Z","sequence_num":12,"events":[\
        {"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"68900.50","volume_24_h":\
        "15328.12345678","low_24_h":"67500.00","high_24_h":"69200.00","low_52_w":"25000.00","high_52_w":"73800.00",\
        "price_percent_chg_24_h":"1.85","best_bid":"68900.00","best_bid_quantity":"1.50000000","best_ask":"68901.00",\
        "best_ask_quantity":"0.50000000"}]}]}
        """
    static let heartbeat = """
        {"channel":"heartbeats","client_id":"","timestamp":"2026-04-07T14:30:10.000000Z","sequence_num":0,"events":[\
        {"current_time":"2026-04-07 14:30:10.000000000+00:00","heartbeat_counter":42}]}
        """

    static let all = frames + trades + [ticker, heartbeat]
}
