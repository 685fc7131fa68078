#pragma once
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

// Macros and bit fields that Swift does not import, as functions and typed constants.

static inline size_t transport_lws_pre(void) { return LWS_PRE; }

static inline uint64_t transport_context_options(void) {
    return LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
}

static inline uint64_t transport_client_vhost_options(int own_ca) {
    return LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | (own_ca ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0);
}

static inline uint64_t transport_server_vhost_options(int ipv6) {
    return LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
           LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS | (ipv6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6);
}

static inline int transport_connect_flags(int use_tls, int allow_self_signed) {
    return LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (use_tls ? LCCSCF_USE_SSL : 0) |
           (allow_self_signed ? LCCSCF_ALLOW_SELFSIGNED : 0);
}

/// A scheduled call; `sul` stays the first member so that its address is the timer's address.
typedef struct transport_timer {
    lws_sorted_usec_list_t sul;
    void *owner;
} transport_timer;

/// Closes without any goodbye, from the loop, never from inside this call.
static inline void transport_kill_later(struct lws *wsi) {
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

/// The same, but the peer gets a reset instead of an orderly end.
static inline void transport_reset_later(struct lws *wsi) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    transport_kill_later(wsi);
}

static inline void transport_clear_timeout(struct lws *wsi) { lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); }

static inline void transport_expect_progress(struct lws *wsi, int seconds) {
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, seconds);
}

/// Stops (0) or resumes (1) reading of a connection at once.
static inline int transport_allow_reading(struct lws *wsi, int allow) {
    int what = LWS_RXFLOW_REASON_APPLIES | LWS_RXFLOW_REASON_USER_BOOL | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW;
    return lws_rx_flow_control(wsi, what | (allow ? LWS_RXFLOW_REASON_APPLIES_ENABLE_BIT : 0));
}

/// Appends one `name:` / value pair to the handshake that `in` and `len` of
/// LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER describe.
static inline int transport_append_header(struct lws *wsi, void *in, size_t len, const char *name, const char *value) {
    unsigned char **p = (unsigned char **)in, *end = *p + len;
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value,
                                       (int)strlen(value), p, end);
}

static inline int transport_token_count(void) { return WSI_TOKEN_COUNT; }

static inline int transport_token_length(struct lws *wsi, int token) {
    return lws_hdr_total_length(wsi, (enum lws_token_indexes)token);
}

static inline int transport_token_copy(struct lws *wsi, char *out, int size, int token) {
    return lws_hdr_copy(wsi, out, size, (enum lws_token_indexes)token);
}

static inline const char *transport_token_name(int token) {
    return (const char *)lws_token_to_string((enum lws_token_indexes)token);
}

static inline int transport_query_item(struct lws *wsi, char *out, int size, int index) {
    return lws_hdr_copy_fragment(wsi, out, size, WSI_TOKEN_HTTP_URI_ARGS, index);
}

/// Whether the peer has ended its side of the connection, seen without reading (linux/poll.h: POLLRDHUP is 0x2000).
static inline int transport_peer_has_gone(struct lws *wsi) {
    struct pollfd entry = {.fd = lws_get_socket_fd(wsi), .events = 0x2000, .revents = 0};
    return poll(&entry, 1, 0) > 0;
}

/// Milliseconds since the kernel last received bytes of the peer on this connection; −1 if it does not say.
static inline long transport_milliseconds_since_data(struct lws *wsi) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
    return info.tcpi_last_data_recv;
}
