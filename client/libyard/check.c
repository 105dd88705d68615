/* check.c - what a caller gives becomes a message, or a list of every fault in it.
 *
 * Only limits of the wire are looked at here, by the wire's own table; the other rules are the
 * yard's, and it lists what breaks them in the same form.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "client/libyard/inside.h"

#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-:=>"

static void check_fault (struct check *c, const char *path, const char *code,
                         const char *format, size_t most)
{
    char text[81];

    (void)snprintf (text, sizeof text, "must %s %zu", format, most);
    ym_faults_add (&c->faults, path, code, text);
}

void check_text (struct check *c, const char *path, const char *from, size_t most, char *to)
{
    if (!from)
        ym_faults_add (&c->faults, path, "missing", "must be given");
    else if (!ym_text_copy (to, most + 1, from))
        check_fault (c, path, "length", "have as octets at most", most);
}

void check_str (struct check *c, const char *path, const char *from, struct ym_str *to)
{
    if (!from)
        ym_faults_add (&c->faults, path, "missing", "must be given");
    *to = ym_str (from);
}

void check_word (struct check *c, const char *path, unsigned which, const char *word,
                 uint32_t *to)
{
    const struct ym_enum *list = &ym_enums[which];
    char text[81] = "must be one of";
    int value = word ? ym_enum_find (which, word, (unsigned)strnlen (word, 64)) : -1;

    if (value >= 0) {
        *to = (uint32_t)value;
        return;
    }
    for (unsigned i = 0; i < list->count; i++) {
        size_t size = strlen (text);
        (void)snprintf (text + size, sizeof text - size, "%s %s", i ? "," : "", list->words[i]);
    }
    ym_faults_add (&c->faults, path, word ? "range" : "missing", text);
}

void check_words (struct check *c, const char *path, const char *const *from, size_t most,
                  struct ym_words *to)
{
    char where[81];

    for (size_t i = 0; from && from[i]; i++) {
        if (i == most) {
            check_fault (c, path, "length", "have as words at most", most);
            return;
        }
        (void)snprintf (where, sizeof where, "%s/%zu", path, i);
        if (!ym_text_copy (to->word[to->count++], YM_WORD_MAX + 1, from[i]) || !*from[i])
            check_fault (c, where, "length", "have octets from 1 to", YM_WORD_MAX);
        else if (strspn (from[i], WORD_CHARACTERS) != strlen (from[i]))
            ym_faults_add (&c->faults, where, "text", "must be made of " WORD_CHARACTERS);
    }
}

/* Of this field, or of something in it. */
static bool has_fault (const struct ym_faults *faults, const char *path)
{
    size_t size = strlen (path);

    for (uint32_t i = 0; i < faults->count; i++) {
        const char *other = faults->at[i].path;
        if (strncmp (other, path, size) == 0 && (other[size] == '\0' || other[size] == '/'))
            return true;
    }
    return false;
}

yard_err_t *check_end (struct check *c, unsigned number, const void *msg)
{
    struct ym_faults more = {0};
    yard_err_t *err;

    (void)ym_wire_check (ym_message_find (number), msg, &more);
    for (uint32_t i = 0; i < more.count; i++)
        if (!has_fault (&c->faults, more.at[i].path))
            ym_faults_add (&c->faults, more.at[i].path, more.at[i].code, more.at[i].text);
    if (c->faults.count == 0)
        return NULL;
    err = error_new (YARD_EINVALID, EXIT_DOCUMENT, "invalid",
                     "the document breaks its rules; every fault is listed");
    error_add_faults (err, c->faults.at, c->faults.count);
    return err;
}

yard_err_t *read_job (const char *text, int64_t *ret)
{
    struct ym_fault fault = {"/job", "malformed", "must be job_ and 13 characters"};
    yard_err_t *err;

    if (text && ym_id_read (text, ret) && *ret > 0)
        return NULL;
    err = error_new (YARD_EINVALID, EXIT_DOCUMENT, "invalid", "%.60s is not the name of a job",
                     text ? text : "nothing");
    error_add_faults (err, &fault, 1);
    return err;
}

void request_of (const char *key, uint8_t ret[16])
{
    if (key)
        (void)crypto_generichash (ret, 16, (const uint8_t *)key, strlen (key), NULL, 0);
    else
        randombytes_buf (ret, 16);
}
