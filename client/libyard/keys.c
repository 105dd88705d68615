/* keys.c - which keys the yard lets in. */
#include "client/libyard/inside.h"

#include <string.h>

#include "common/base/refusal.h"

static const char *key_text (void *result, const uint8_t key[KEY_SIZE])
{
    char text[KEY_TEXT];

    (void)zmq_z85_encode (text, key, KEY_SIZE);
    return result_text (result, text);
}

static void fill_key (void *result, yard_key *k, const struct ym_key_row *m)
{
    *k = (yard_key){.public_key = key_text (result, m->public_key),
                    .role = ym_enum_word (YM_ENUM_ROLE, m->role),
                    .tenant = result_text (result, m->tenant),
                    .name = result_text (result, m->name),
                    .since_ms = m->since,
                    .revoked_at_ms = m->revoked_at};
}

static void *make_key (const void *answer)
{
    const struct ym_key_done *m = answer;
    struct ym_key_row none = {0};
    yard_key *k = result_new (sizeof *k);

    fill_key (k, k, m->keys.count > 0 ? m->keys.at : &none);
    return k;
}

static yard_err_t *read_key (const char *from, uint8_t ret[KEY_SIZE])
{
    char text[KEY_TEXT];
    yard_err_t *err = certificate_public (from, "the public key", text);

    if (!err)
        (void)zmq_z85_decode (ret, text);
    return err;
}

yard_rc yard_key_authorize (yard_t *y, const char *public_key, const char *role,
                            const char *tenant, const char *name, yard_key **ret,
                            yard_err_t **reterr)
{
    struct ym_key_authorize msg = {0};
    struct question q = {
        .ask = YM_MSG_key_authorize, .answer = YM_MSG_key_done, .msg = &msg, .make = make_key};
    struct check c = {0};
    yard_err_t *err = read_key (public_key, msg.public_key);

    check_word (&c, "/role", YM_ENUM_ROLE, role, &msg.role);
    check_text (&c, "/tenant", tenant, 40, msg.tenant);
    check_text (&c, "/name", name, 40, msg.name);
    if (!err)
        err = check_end (&c, YM_MSG_key_authorize, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* A page begins after a key, so that of one key is asked for by the number before it. */
static void step_back (uint8_t key[KEY_SIZE])
{
    for (unsigned i = KEY_SIZE; i-- > 0;)
        if (key[i]-- != 0)
            return;
}

/* What the yard knows of a key in force. */
static yard_err_t *read_row (yard_t *y, const uint8_t key[KEY_SIZE], struct ym_key_authorize *m)
{
    char text[KEY_TEXT], before[KEY_TEXT];
    uint8_t after[KEY_SIZE];
    yard_key_page *page = NULL;
    struct check c = {0};
    yard_err_t *err = NULL;

    memcpy (after, key, KEY_SIZE);
    step_back (after);
    (void)zmq_z85_encode (text, key, KEY_SIZE);
    (void)zmq_z85_encode (before, after, KEY_SIZE);
    if (yard_key_list (y, before, &page, &err) != YARD_OK)
        return err;
    const yard_key *k = page->count > 0 ? page->keys[0] : NULL;
    if (!k || strcmp (k->public_key, text) != 0)
        err = error_new (YARD_ENOTFOUND, 5, ym_refusal_slug (YM_REFUSAL_UNKNOWN_KEY), "%s",
                         ym_refusal_text (YM_REFUSAL_UNKNOWN_KEY));
    else {
        check_word (&c, "/role", YM_ENUM_ROLE, k->role, &m->role);
        check_text (&c, "/tenant", k->tenant, 40, m->tenant);
        check_text (&c, "/name", k->name, 40, m->name);
        err = check_end (&c, YM_MSG_key_authorize, m);
    }
    yard_free (page);
    return err;
}

yard_rc yard_key_rotate (yard_t *y, const char *old_key, const char *new_key, yard_key **ret,
                         yard_err_t **reterr)
{
    struct ym_key_authorize msg = {.has = YM_HAS (key_authorize, replaces)};
    struct question q = {
        .ask = YM_MSG_key_authorize, .answer = YM_MSG_key_done, .msg = &msg, .make = make_key};
    yard_err_t *err = read_key (old_key, msg.replaces);

    if (!err)
        err = read_key (new_key, msg.public_key);
    if (!err)
        err = read_row (y, msg.replaces, &msg);
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}

/* It needs no request id: the same again changes nothing. */
static yard_err_t *read_revoke (const char *public_key, const yard_how *how,
                                struct ym_key_revoke *ret)
{
    struct check c = {0};
    yard_err_t *err = read_key (public_key, ret->public_key);

    ret->plan = how->plan;
    ret->version = how->version;
    ret->has |= how->plan ? YM_HAS (key_revoke, plan) : 0;
    ret->has |= how->versioned ? YM_HAS (key_revoke, version) : 0;
    ret->has |= how->reason ? YM_HAS (key_revoke, reason) : 0;
    if (how->reason)
        check_str (&c, "/reason", how->reason, &ret->reason);
    return err ? err : check_end (&c, YM_MSG_key_revoke, ret);
}

yard_rc yard_key_revoke (yard_t *y, const char *public_key, const yard_how *how, yard_key **ret,
                         yard_outcome **ret_plan, yard_err_t **reterr)
{
    struct ym_key_revoke msg = {0};
    struct question q = {
        .ask = YM_MSG_key_revoke, .answer = YM_MSG_key_done, .msg = &msg, .make = make_key};
    yard_err_t *err = read_how (&how);

    if (!err)
        err = read_revoke (public_key, how, &msg);
    if (err)
        return error_give (err, reterr);
    if (!how->plan)
        return ask (y, &q, (void **)ret, reterr);
    q.answer = YM_MSG_planned;
    q.make = make_planned;
    return ask (y, &q, (void **)ret_plan, reterr);
}

static void *make_keys (const void *answer)
{
    const struct ym_key_page *m = answer;
    yard_key_page *page = result_new (sizeof *page);
    const yard_key **rows = result_room (page, (m->keys.count + 1) * sizeof *rows);

    for (uint32_t i = 0; i < m->keys.count; i++) {
        yard_key *row = result_room (page, sizeof *row);
        fill_key (page, row, &m->keys.at[i]);
        rows[i] = row;
    }
    page->count = m->keys.count;
    page->keys = rows;
    if (m->has & YM_HAS (key_page, next))
        page->next = key_text (page, m->next);
    return page;
}

yard_rc yard_key_list (yard_t *y, const char *after, yard_key_page **ret, yard_err_t **reterr)
{
    struct ym_key_list msg = {0};
    struct question q = {
        .ask = YM_MSG_key_list, .answer = YM_MSG_key_page, .msg = &msg, .make = make_keys};
    yard_err_t *err = NULL;

    if (after) {
        msg.has |= YM_HAS (key_list, after);
        err = read_key (after, msg.after);
    }
    if (err)
        return error_give (err, reterr);
    return ask (y, &q, (void **)ret, reterr);
}
