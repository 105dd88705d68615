/* check.c - what a caller gives becomes a message, or a list of every fault in it.
 *
 * Only what could not be sent at all is looked at here; the rules are the yard's, and it lists
 * what breaks them in the same form.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "client/libyard/inside.h"

static bool is_good (struct check *c, const char *path, const char *from, size_t most)
{
    char text[81];

    if (!from) {
        ym_faults_add (&c->faults, path, "missing", "must be given");
        return false;
    }
    if (strlen (from) > most) {
        (void)snprintf (text, sizeof text, "must be at most %zu octets", most);
        ym_faults_add (&c->faults, path, "length", text);
        return false;
    }
    if (!ym_text_is_clean (from, strlen (from))) {
        ym_faults_add (&c->faults, path, "text", "must be UTF-8");
        return false;
    }
    return true;
}

void check_text (struct check *c, const char *path, const char *from, size_t most, char *to)
{
    if (is_good (c, path, from, most))
        (void)ym_text_copy (to, most + 1, from);
}

void check_str (struct check *c, const char *path, const char *from, size_t most,
                struct ym_str *to)
{
    if (is_good (c, path, from, most))
        *to = ym_str (from);
}

void check_word (struct check *c, const char *path, unsigned which, const char *word,
                 uint32_t *to)
{
    const struct ym_enum *list = &ym_enums[which];
    char text[81] = "must be one of";
    int value = word ? ym_enum_find (which, word, (unsigned)strnlen (word, 64)) : -1;
    size_t size = strlen (text);

    if (value >= 0) {
        *to = (uint32_t)value;
        return;
    }
    for (unsigned i = 0; i < list->count && size < sizeof text; i++)
        size += (size_t)snprintf (text + size, sizeof text - size, "%s %s", i ? "," : "",
                                  list->words[i]);
    ym_faults_add (&c->faults, path, word ? "range" : "missing", text);
}

static bool is_word (const char *word)
{
    size_t size = strnlen (word, YM_WORD_MAX + 1);

    return size > 0 && size <= YM_WORD_MAX &&
           strspn (word, "abcdefghijklmnopqrstuvwxyz0123456789._-:=>") == size;
}

void check_words (struct check *c, const char *path, const char *const *from, size_t most,
                  struct ym_words *to)
{
    char text[81], where[81];

    for (size_t i = 0; from && from[i]; i++) {
        if (i == most) {
            (void)snprintf (text, sizeof text, "must be at most %zu words", most);
            ym_faults_add (&c->faults, path, "length", text);
            return;
        }
        if (is_word (from[i])) {
            (void)ym_text_copy (to->word[to->count++], YM_WORD_MAX + 1, from[i]);
            continue;
        }
        (void)snprintf (where, sizeof where, "%s/%zu", path, i);
        ym_faults_add (&c->faults, where, "text",
                       "must be 1 to 40 characters out of a-z 0-9 . _ - : = >");
    }
}

yard_err_t *check_end (const struct check *c)
{
    yard_err_t *err;

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
