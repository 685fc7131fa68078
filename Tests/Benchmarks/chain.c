/* The bare chain beside which ours is measured, and the subscriber at the end of both. chain.py runs it.
 *
 *     chain record ENDPOINT SECONDS               sizes and times of the tick messages, to stdout: OFFSET_NS SIZE IS_BOOK
 *     chain source ENDPOINT SCHEDULE SECONDS      sends messages so, over and over
 *     chain source ENDPOINT max:SIZE SECONDS      as fast as they are taken, none lost
 *     chain forward FROM TO SIZE                  each book as a message of SIZE bytes; SIZE 0 forwards all as they are
 *     chain sink ENDPOINT PREFIX bare|envelope WARM_UP SECONDS    latencies, as one line of JSON
 *
 * A bare message begins with the time at which it was sent, 8 bytes, and whether it is a book, 1 byte. Of an envelope
 * the time is the payload's receive time: when ingest read the frame that caused it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define HEADER 9

static int64_t now_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}
static int64_t now(void) { return now_of(CLOCK_REALTIME); }
static int64_t monotonic(void) { return now_of(CLOCK_MONOTONIC); }

static void fail(const char *what) {
    fprintf(stderr, "chain: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static void *open_socket(void *context, int type, int is_lossless) {
    void *socket = zmq_socket(context, type);
    int mark = is_lossless ? 1000 : 100000, linger = 0;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (type == ZMQ_XPUB && is_lossless) zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int));
    return socket;
}

static void *subscribe(void *context, const char *endpoint, const char *prefix) {
    void *socket = open_socket(context, ZMQ_SUB, 0);
    if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) || zmq_connect(socket, endpoint)) fail(endpoint);
    return socket;
}

static void *publish(void *context, const char *endpoint, int is_lossless) {
    void *socket = open_socket(context, ZMQ_XPUB, is_lossless);
    if (zmq_bind(socket, endpoint)) fail(endpoint);
    return socket;
}

/* Both frames of the next message; 0 when none came by the deadline. */
static int receive(void *socket, zmq_msg_t *topic, zmq_msg_t *body, int64_t deadline) {
    while (zmq_msg_recv(topic, socket, ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN) return 0;
        int64_t rest = deadline - monotonic();
        if (rest <= 0) return 0;
        zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, rest / 1000000 + 1);
    }
    return zmq_msg_recv(body, socket, 0) >= 0;
}

struct entry { int64_t offset; int size, is_book; };

static void source(void *socket, const char *schedule, double seconds) {
    zmq_msg_t subscription;
    zmq_msg_init(&subscription);
    zmq_msg_recv(&subscription, socket, 0);
    struct entry *entries = NULL;
    size_t count = 0, room = 0;
    int is_unpaced = strncmp(schedule, "max:", 4) == 0;
    if (is_unpaced) {
        entries = calloc(1, sizeof *entries);
        entries[0] = (struct entry){0, atoi(schedule + 4), 1};
        count = 1;
    } else {
        FILE *file = fopen(schedule, "r");
        struct entry next;
        while (file && fscanf(file, "%ld %d %d", &next.offset, &next.size, &next.is_book) == 3) {
            if (count == room) entries = realloc(entries, (room = room ? 2 * room : 1024) * sizeof *entries);
            entries[count++] = next;
        }
        if (!count) { fprintf(stderr, "chain: %s: no schedule\n", schedule); exit(1); }
    }
    int64_t begin = monotonic(), end = begin + (int64_t)(seconds * 1e9);
    int64_t length = entries[count - 1].offset + 1;
    char *bytes = calloc(1, 1 << 20);
    for (int64_t pass = 0;; pass++)
        for (size_t index = 0; index < count; index++) {
            int64_t due = begin + pass * length + entries[index].offset;
            if (monotonic() > end) return;
            if (!is_unpaced && due > monotonic()) {
                struct timespec time = {due / 1000000000, due % 1000000000};
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
            }
            int size = entries[index].size < HEADER ? HEADER : entries[index].size;
            int64_t sent = now();
            memcpy(bytes, &sent, 8);
            bytes[8] = entries[index].is_book;
            zmq_send(socket, "tick.binance.BTCUSDT.book|", 26, ZMQ_SNDMORE);
            zmq_send(socket, bytes, size, 0);
        }
}

static void forward(void *from, void *to, int size) {
    zmq_msg_t topic, body;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    char *bytes = calloc(1, 1 << 20);
    while (receive(from, &topic, &body, INT64_MAX)) {
        if (zmq_msg_size(&body) < HEADER) continue;
        if (size == 0) {
            zmq_msg_send(&topic, to, ZMQ_SNDMORE);
            zmq_msg_send(&body, to, 0);
            continue;
        }
        memcpy(bytes, zmq_msg_data(&body), HEADER);
        if (!bytes[8]) continue;
        zmq_send(to, zmq_msg_data(&topic), zmq_msg_size(&topic), ZMQ_SNDMORE);
        zmq_send(to, bytes, size < HEADER ? HEADER : size, 0);
    }
}

/* Protobuf: the next field of [*at, end); 0 at the end or where it is malformed. */
struct field { int number, type; uint64_t value; const uint8_t *start; };

static int varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return 1;
    }
    return 0;
}

static int next_field(const uint8_t **at, const uint8_t *end, struct field *field) {
    uint64_t key;
    if (*at >= end || !varint(at, end, &key)) return 0;
    field->number = key >> 3;
    field->type = key & 7;
    field->start = *at;
    switch (field->type) {
    case 0: return varint(at, end, &field->value);
    case 1:
        if (end - *at < 8) return 0;
        memcpy(&field->value, *at, 8);
        *at += 8;
        return 1;
    case 2:
        if (!varint(at, end, &field->value) || field->value > (uint64_t)(end - *at)) return 0;
        field->start = *at;
        *at += field->value;
        return 1;
    default: return 0;
    }
}

/* The receive time of a vector or a signal, 0 of all else. */
static int64_t stamp_of(const uint8_t *at, size_t size, uint64_t *sequence) {
    const uint8_t *end = at + size;
    struct field field, inner;
    int64_t stamp = 0;
    while (next_field(&at, end, &field)) {
        if (field.number == 3) *sequence = field.value;
        if (field.number != 14 && field.number != 15) continue;
        const uint8_t *place = field.start;
        while (next_field(&place, field.start + field.value, &inner))
            if (inner.type == 1 && inner.number == (field.number == 14 ? 4 : 11)) stamp = inner.value;
    }
    return stamp;
}

/* The last sequence of each topic. */
struct topic { char name[64]; uint64_t sequence; };
static struct topic topics[16384];

static uint64_t lost_before(const char *name, size_t length, uint64_t sequence) {
    uint64_t hash = 14695981039346656037u;
    if (length > 63) length = 63;
    for (size_t index = 0; index < length; index++) hash = (hash ^ (uint8_t)name[index]) * 1099511628211u;
    for (size_t step = 0; step < 16384; step++) {
        struct topic *topic = &topics[(hash + step) % 16384];
        if (!topic->name[0]) {
            memcpy(topic->name, name, length);
            topic->sequence = sequence;
            return 0;
        }
        if (strncmp(topic->name, name, length) == 0 && !topic->name[length]) {
            uint64_t lost = sequence > topic->sequence ? sequence - topic->sequence - 1 : 0;
            topic->sequence = sequence;
            return lost;
        }
    }
    return 0;
}

static int by_value(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void sink(void *socket, int is_envelope, double warm_up, double seconds) {
    int64_t begin = monotonic() + (int64_t)(warm_up * 1e9), end = begin + (int64_t)(seconds * 1e9);
    size_t count = 0, room = 1 << 20;
    uint64_t bytes = 0, lost = 0;
    int64_t *latencies = malloc(room * sizeof *latencies), first = 0, last = 0;
    zmq_msg_t topic, body;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    while (monotonic() < end && receive(socket, &topic, &body, end)) {
        int64_t received = now(), stamp = 0, time = monotonic();
        uint64_t sequence = 0;
        if (is_envelope)
            stamp = stamp_of(zmq_msg_data(&body), zmq_msg_size(&body), &sequence);
        else
            memcpy(&stamp, zmq_msg_data(&body), 8);
        uint64_t hole = sequence ? lost_before(zmq_msg_data(&topic), zmq_msg_size(&topic), sequence) : 0;
        if (time < begin) continue;
        lost += hole;
        if (!stamp) continue;
        if (count == room) latencies = realloc(latencies, (room *= 2) * sizeof *latencies);
        latencies[count++] = received - stamp;
        bytes += zmq_msg_size(&body);
        if (!first) first = time;
        last = time;
    }
    qsort(latencies, count, sizeof *latencies, by_value);
    double span = count > 1 ? (last - first) / 1e9 : 0;
#define AT(share) (count ? latencies[(size_t)((count - 1) * (share))] / 1e3 : 0)
    printf("{\"count\": %zu, \"lost\": %lu, \"rate\": %.1f, \"size\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
           "\"max\": %.1f}\n",
           count, lost, span > 0 ? (count - 1) / span : 0, count ? (double)bytes / count : 0, AT(0.5), AT(0.9), AT(0.99),
           AT(1));
}

static void record(void *socket, double seconds) {
    zmq_msg_t topic, body;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    int64_t begin = 0, end = monotonic() + (int64_t)(seconds * 1e9);
    while (monotonic() < end && receive(socket, &topic, &body, end)) {
        int64_t time = monotonic();
        if (!begin) begin = time;
        printf("%ld %zu %d\n", time - begin, zmq_msg_size(&body),
               memmem(zmq_msg_data(&topic), zmq_msg_size(&topic), ".book|", 6) != NULL);
    }
}

int main(int count, char **arguments) {
    void *context = zmq_ctx_new();
    const char *mode = count > 1 ? arguments[1] : "";
    if (!strcmp(mode, "record") && count == 4)
        record(subscribe(context, arguments[2], "tick."), atof(arguments[3]));
    else if (!strcmp(mode, "source") && count == 5)
        source(publish(context, arguments[2], !strncmp(arguments[3], "max:", 4)), arguments[3], atof(arguments[4]));
    else if (!strcmp(mode, "forward") && count == 5)
        forward(subscribe(context, arguments[2], "tick."), publish(context, arguments[3], atoi(arguments[4]) == 0),
                atoi(arguments[4]));
    else if (!strcmp(mode, "sink") && count == 7)
        sink(subscribe(context, arguments[2], arguments[3]), !strcmp(arguments[4], "envelope"), atof(arguments[5]),
             atof(arguments[6]));
    else {
        fprintf(stderr, "usage: see the head of chain.c\n");
        return 64;
    }
    return 0;
}
