/* test_door.c - the door: who gets in, what is answered, and what a slow or hostile client
 * costs. */
#include "tests/unit/common/bus/rig.h"

enum { CLIENTS = 3, HELD_KEY = 41, OTHER_KEY = 42, AGENT_KEY = 43 };

static struct {
    char public_text[41], secret[41];
} clients[CLIENTS];
static struct ym_key keys[CLIENTS];

static void set_keys (unsigned count)
{
    ym_bus_set_keys (stations[0].bus, keys, count);
}

static void door_up (void)
{
    static const enum ym_role roles[CLIENTS] = {YM_SUBMITTER, YM_VIEWER, YM_AGENT};
    rig_up ();
    start (0, (struct ym_bus_options){.door = "tcp://127.0.0.1:*"});
    for (unsigned i = 0; i < CLIENTS; i++) {
        cr_assert_eq (zmq_curve_keypair (clients[i].public_text, clients[i].secret), 0);
        cr_assert (zmq_z85_decode (keys[i].public_key, clients[i].public_text));
        keys[i].key = HELD_KEY + i;
        keys[i].tenant = 7;
        keys[i].role = roles[i];
        strcpy (keys[i].tenant_name, "acme");
        strcpy (keys[i].name, "robot");
    }
}

TestSuite (door, .init = door_up, .fini = rig_down, .timeout = 60);

static void *client_new (unsigned who)
{
    return raw (ym_bus_door_public (stations[0].bus), clients[who].public_text,
                clients[who].secret);
}

static void *client (unsigned who)
{
    void *s = client_new (who);
    cr_assert_eq (zmq_connect (s, ym_bus_door (stations[0].bus)), 0);
    return s;
}

static void hello (void *socket, uint64_t ask)
{
    raw_send (socket, YM_MSG_hello, ask, 0, &(struct ym_hello){.program = "test 1"});
}

/* The next frame at a client; its size. */
static size_t next_frame (void *socket, uint8_t *frame, size_t room)
{
    int size = -1;
    spin ((size = zmq_recv (socket, frame, room, ZMQ_DONTWAIT)) >= 0);
    cr_assert ((size_t)size <= room);
    return (size_t)size;
}

static void expect_refused (void *socket, enum ym_refusal why, uint64_t ask)
{
    static uint8_t frame[8192];
    struct ym_header h;
    struct ym_refused refused;
    struct ym_faults faults = {0};
    struct ym_arena *arena = ym_arena_new (4096);
    size_t size = next_frame (socket, frame, sizeof frame);
    cr_assert (ym_wire_header (frame, size, &h));
    cr_assert_eq (h.number, YM_MSG_refused);
    cr_assert (
        ym_wire_decode (ym_message_find (h.number), frame, size, arena, &refused, &faults));
    cr_assert_str_eq (refused.code, ym_refusal_slug (why));
    cr_assert_eq (h.ask, ask);
    ym_arena_free (arena);
}

/* True once the connection of a monitored client has ended. */
static void *watch (void *socket, int events)
{
    static unsigned number;
    char name[40];
    snprintf (name, sizeof name, "inproc://watch.%u", number++);
    cr_assert_eq (zmq_socket_monitor (socket, name, events), 0);
    void *monitor = zmq_socket (rig.context, ZMQ_PAIR);
    cr_assert_eq (zmq_connect (monitor, name), 0);
    return monitor;
}

static bool has_event (void *monitor, unsigned wanted)
{
    uint8_t event[6], address[200];
    uint16_t number;
    if (zmq_recv (monitor, event, sizeof event, ZMQ_DONTWAIT) < 0)
        return false;
    cr_assert (zmq_recv (monitor, address, sizeof address, 0) >= 0);
    memcpy (&number, event, sizeof number);
    return number == wanted;
}

static void unwatch (void *socket, void *monitor)
{
    zmq_socket_monitor (socket, NULL, 0);
    zmq_close (monitor);
    zmq_close (socket);
}

Test (door, hello_is_answered_to_the_one_who_asked)
{
    uint8_t frame[512];
    struct ym_header h;
    set_keys (CLIENTS);
    void *one = client (0), *two = client (1);
    hello (one, 11);
    spin (stations[0].letters == 1);
    struct ym_letter *letter = &stations[0].letter;
    cr_assert (letter->from.at_door);
    cr_assert_eq (letter->from.key, HELD_KEY);
    cr_assert_eq (letter->key.key, HELD_KEY);
    cr_assert_eq (letter->key.tenant, 7);
    cr_assert_str_eq (letter->key.tenant_name, "acme");
    cr_assert_neq (letter->from.connection, 0);
    struct ym_welcome welcome = {.version = "1", .role = YM_SUBMITTER, .now = 1};
    ym_bus_answer (stations[0].bus, &letter->from, YM_MSG_welcome, &welcome);
    size_t size = next_frame (one, frame, sizeof frame);
    cr_assert (ym_wire_header (frame, size, &h));
    cr_assert_eq (h.number, YM_MSG_welcome);
    cr_assert_eq (h.ask, 11);
    cr_assert_eq (h.seq, 0);
    settle ();
    cr_assert_lt (zmq_recv (two, frame, sizeof frame, ZMQ_DONTWAIT), 0);
    zmq_close (one);
    zmq_close (two);
}

Test (door, a_handshake_before_the_table_is_there_waits_for_it)
{
    void *one = client (0);
    hello (one, 1);
    settle ();
    cr_assert_eq (stations[0].letters, 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).denied_handshakes, 0);
    set_keys (CLIENTS);
    spin (stations[0].letters == 1);
    zmq_close (one);
}

Test (door, an_unknown_key_is_denied_and_delivers_nothing)
{
    void *one = client_new (0);
    void *monitor = watch (one, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    set_keys (0);
    cr_assert_eq (zmq_connect (one, ym_bus_door (stations[0].bus)), 0);
    hello (one, 1);
    spin (has_event (monitor, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH));
    settle ();
    cr_assert_eq (stations[0].letters, 0);
    cr_assert_geq (ym_bus_counts (stations[0].bus).denied_handshakes, 1);
    unwatch (one, monitor);
}

Test (door, a_revoked_key_is_refused_at_once_and_cut)
{
    set_keys (CLIENTS);
    void *one = client_new (1), *other = client (0);
    void *monitor = watch (one, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_connect (one, ym_bus_door (stations[0].bus)), 0);
    hello (one, 1);
    spin (stations[0].letters == 1);
    set_keys (1);
    cr_assert_null (ym_bus_find_key (stations[0].bus, OTHER_KEY));
    hello (one, 2);
    expect_refused (one, YM_REFUSAL_KEY_REVOKED, 2);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    cr_assert_eq (stations[0].letters, 1);
    spin (ym_bus_counts (stations[0].bus).cut == 1);
    hello (other, 3);
    spin (stations[0].letters == 2);
    zmq_close (other);
    unwatch (one, monitor);
}

Test (door, a_revoked_key_hears_no_more)
{
    uint8_t frame[512];
    set_keys (CLIENTS);
    void *one = client_new (1);
    void *monitor = watch (one, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_connect (one, ym_bus_door (stations[0].bus)), 0);
    hello (one, 1);
    spin (stations[0].letters == 1);
    set_keys (1);
    ym_bus_refuse (stations[0].bus, &stations[0].letter.from, YM_REFUSAL_BUSY, NULL, 0, NULL);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    cr_assert_lt (zmq_recv (one, frame, sizeof frame, ZMQ_DONTWAIT), 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 1);
    unwatch (one, monitor);
}

Test (door, the_table_is_replaced_as_a_whole)
{
    set_keys (CLIENTS);
    cr_assert_eq (ym_bus_find_key (stations[0].bus, AGENT_KEY)->role, YM_AGENT);
    keys[0].role = YM_VIEWER;
    set_keys (2);
    cr_assert_null (ym_bus_find_key (stations[0].bus, AGENT_KEY));
    cr_assert_eq (ym_bus_find_key (stations[0].bus, HELD_KEY)->role, YM_VIEWER);
}

Test (door, an_identity_lives_as_long_as_one_of_its_keys)
{
    keys[0].identity = keys[1].identity = 7;
    set_keys (2);
    cr_assert (ym_bus_has_identity (stations[0].bus, 7));
    set_keys (1);
    cr_assert (ym_bus_has_identity (stations[0].bus, 7));
    set_keys (0);
    cr_assert_not (ym_bus_has_identity (stations[0].bus, 7));
}

Test (door, each_refusal_by_its_cause)
{
    const struct ym_job_get get = {.job = 1};
    const struct ym_keys_changed nothing = {0};
    const struct ym_welcome welcome = {.now = 1};
    const struct {
        unsigned who, number;
        const void *msg;
        enum ym_refusal why;
    } rows[] = {
        {2, YM_MSG_job_get, &get, YM_REFUSAL_ROLE_NOT_ALLOWED},
        {0, YM_MSG_keys_changed, &nothing, YM_REFUSAL_UNKNOWN_MESSAGE},
        {0, YM_MSG_welcome, &welcome, YM_REFUSAL_UNKNOWN_MESSAGE},
        {2, YM_MSG_job_get, &get, YM_REFUSAL_ROLE_NOT_ALLOWED},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    set_keys (CLIENTS);
    for (unsigned i = 0; i < ROWS; i++) {
        void *s = client (rows[i].who);
        raw_send (s, rows[i].number, 100 + i, 0, rows[i].msg);
        expect_refused (s, rows[i].why, 100 + i);
        zmq_close (s);
    }
    cr_assert_eq (stations[0].letters, 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).refused, ROWS);
}

Test (door, a_frame_that_cannot_be_read_is_refused_and_the_next_one_heard)
{
    static const char junk[100] = "x";
    set_keys (CLIENTS);
    void *s = client (0);
    const unsigned sizes[] = {0, 1, YM_HEADER_SIZE - 1, sizeof junk};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_assert (zmq_send (s, junk, sizes[i], 0) >= 0);
        expect_refused (s, YM_REFUSAL_MALFORMED, 0);
    }
    cr_assert_eq (ym_bus_counts (stations[0].bus).malformed, 4);
    hello (s, 1);
    spin (stations[0].letters == 1);
    zmq_close (s);
}

Test (door, several_frames_are_refused_once_and_cut)
{
    set_keys (CLIENTS);
    void *s = client_new (0);
    void *monitor = watch (s, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_connect (s, ym_bus_door (stations[0].bus)), 0);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert (zmq_send (s, "part", 4, ZMQ_SNDMORE) >= 0);
    cr_assert (zmq_send (s, "end", 3, 0) >= 0);
    expect_refused (s, YM_REFUSAL_MALFORMED, 0);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    cr_assert_eq (ym_bus_counts (stations[0].bus).malformed, 1);
    cr_assert_eq (stations[0].letters, 0);
    unwatch (s, monitor);
}

Test (door, a_frame_that_is_too_large_costs_its_connection)
{
    static uint8_t large[FRAME + 4096];
    set_keys (CLIENTS);
    void *s = client_new (0), *other = client (1);
    void *monitor = watch (s, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_connect (s, ym_bus_door (stations[0].bus)), 0);
    cr_assert (zmq_send (s, large, sizeof large, 0) >= 0);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    hello (other, 1);
    spin (stations[0].letters == 1);
    cr_assert_eq (stations[0].letter.key.key, OTHER_KEY);
    zmq_close (other);
    unwatch (s, monitor);
}

Test (door, a_frame_just_over_the_limit_is_refused)
{
    static uint8_t large[FRAME + 1];
    set_keys (CLIENTS);
    void *s = client (0);
    cr_assert (zmq_send (s, large, sizeof large, 0) >= 0);
    expect_refused (s, YM_REFUSAL_MALFORMED, 0);
    zmq_close (s);
}

Test (door, a_name_that_the_client_chose_is_not_heard)
{
    set_keys (CLIENTS);
    void *s = client_new (0);
    void *monitor = watch (s, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_setsockopt (s, ZMQ_ROUTING_ID, "me", 2), 0);
    cr_assert_eq (zmq_connect (s, ym_bus_door (stations[0].bus)), 0);
    hello (s, 1);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    cr_assert_eq (stations[0].letters, 0);
    unwatch (s, monitor);
}

Test (door, an_answer_does_not_reach_who_took_over_the_name_of_another)
{
    uint8_t frame[512];
    set_keys (CLIENTS);
    void *victim = client (0);
    hello (victim, 1);
    spin (stations[0].letters == 1);
    struct ym_to to = stations[0].letter.from;
    zmq_close (victim);
    settle ();
    void *thief = client_new (1);
    void *monitor = watch (thief, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    cr_assert_eq (zmq_setsockopt (thief, ZMQ_ROUTING_ID, to.route, sizeof to.route), 0);
    cr_assert_eq (zmq_connect (thief, ym_bus_door (stations[0].bus)), 0);
    spin (has_event (monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    settle ();
    ym_bus_refuse (stations[0].bus, &to, YM_REFUSAL_BUSY, NULL, 0, NULL);
    settle ();
    cr_assert_lt (zmq_recv (thief, frame, sizeof frame, ZMQ_DONTWAIT), 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 1);
    unwatch (thief, monitor);
}

static char long_text[400];
static const struct ym_refused long_answer = {.code = "busy", .text = {long_text, 400}};

static struct ym_to meet (void *s, unsigned letters)
{
    memset (long_text, 'x', sizeof long_text);
    hello (s, 1);
    spin (stations[0].letters == letters);
    return stations[0].letter.from;
}

Test (door, who_reads_slowly_gets_everything_in_the_end)
{
    static uint8_t frame[8192];
    set_keys (CLIENTS);
    stop (0);
    start (0, (struct ym_bus_options){.door = "tcp://127.0.0.1:*", .outbox_max = 1000000});
    set_keys (CLIENTS);
    void *s = client (0);
    struct ym_to to = meet (s, 1);
    enum { ANSWERS = 20000 };
    for (unsigned i = 0; i < ANSWERS; i++)
        ym_bus_answer (stations[0].bus, &to, YM_MSG_refused, &long_answer);
    unsigned backlog = ym_bus_backlog (stations[0].bus, &to);
    cr_assert_gt (backlog, 0, "nothing had to wait");
    cr_assert_eq (ym_bus_counts (stations[0].bus).sent, ANSWERS - backlog);
    for (unsigned got = 0; got < ANSWERS; got++)
        cr_assert (next_frame (s, frame, sizeof frame) > 400);
    cr_assert_eq (ym_bus_backlog (stations[0].bus, &to), 0);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 0);
    zmq_close (s);
}

Test (door, who_does_not_read_is_cut_and_others_are_served)
{
    static uint8_t frame[8192];
    set_keys (CLIENTS);
    void *slow = client_new (0), *other = client (1);
    void *monitor = watch (slow, ZMQ_EVENT_DISCONNECTED);
    cr_assert_eq (zmq_connect (slow, ym_bus_door (stations[0].bus)), 0);
    struct ym_to to = meet (slow, 1), to_other = meet (other, 2);
    unsigned said = 0;
    while (ym_bus_counts (stations[0].bus).dropped == 0 && said++ < 100000)
        ym_bus_answer (stations[0].bus, &to, YM_MSG_refused, &long_answer);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 64 + 1);
    cr_assert_eq (ym_bus_counts (stations[0].bus).cut, 1);
    ym_bus_answer (stations[0].bus, &to_other, YM_MSG_refused, &long_answer);
    cr_assert (next_frame (other, frame, sizeof frame) > 400);
    spin (has_event (monitor, ZMQ_EVENT_DISCONNECTED));
    zmq_close (other);
    unwatch (slow, monitor);
}

Test (door, an_answer_to_who_has_left_is_dropped)
{
    set_keys (CLIENTS);
    void *s = client (0);
    struct ym_to to = meet (s, 1);
    zmq_close (s);
    settle ();
    ym_bus_answer (stations[0].bus, &to, YM_MSG_refused, &long_answer);
    cr_assert_eq (ym_bus_counts (stations[0].bus).dropped, 1);
}

Test (door, an_answer_that_is_too_large_is_refused_instead)
{
    static uint8_t blob[FRAME];
    set_keys (CLIENTS);
    void *s = client (0);
    struct ym_to to = meet (s, 1);
    struct ym_attempt_start large = {
        .job = 1,
        .payload = ym_bytes (blob, sizeof blob),
        .resume = ym_bytes (blob, sizeof blob),
    };
    ym_bus_answer (stations[0].bus, &to, YM_MSG_attempt_start, &large);
    expect_refused (s, YM_REFUSAL_INTERNAL, 1);
    zmq_close (s);
}
