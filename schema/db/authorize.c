/* authorize.c - lets the first key in, past the doors.
 *
 * For the day of the installation and for the day the last admin key is lost: whoever may log
 * in to the database as its owner may do this.
 */
#include "schema/db/database.h"

#include "common/base/enums.h"
#include "common/base/refusal.h"
#include "common/base/own.h"
#include "common/base/text.h"
#include "common/base/time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { Z85_SIZE = 40, KEY_SIZE = 32, WORD_MAX = 40, CERTIFICATE_MAX = 8192 };

/* Five characters are four octets, the most significant first (ZeroMQ RFC 32). */
static bool decode_group (const char *from, uint8_t *to)
{
    static const char digits[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        ".-:+=^!/*?&<>()[]{}@%$#";
    uint64_t value = 0;

    for (int i = 0; i < 5; i++) {
        const char *digit = strchr (digits, from[i]);

        if (!digit)
            return false;
        value = 85 * value + (uint64_t)(digit - digits);
    }
    if (value > UINT32_MAX)
        return false;
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    return true;
}

static bool decode (const char *z85, uint8_t ret[KEY_SIZE])
{
    if (strlen (z85) != Z85_SIZE)
        return false;
    for (int i = 0; i < Z85_SIZE / 5; i++)
        if (!decode_group (z85 + 5 * i, ret + 4 * i))
            return false;
    return true;
}

/* A certificate has a line  public-key = "<Z85>". */
static bool decode_line (const char *line, uint8_t ret[KEY_SIZE])
{
    char z85[Z85_SIZE + 1];

    return sscanf (line, " public-key = \"%40[^\"]\"", z85) == 1 && decode (z85, ret);
}

static bool read_certificate (const char *path, uint8_t ret[KEY_SIZE])
{
    _fclose_ FILE *f = fopen (path, "re");
    char line[256];

    if (!f) {
        fprintf (stderr, "yardctl-db: %s is neither a public key in Z85 nor a file: %s\n", path,
                 strerror (errno));
        return false;
    }
    for (size_t read = 0; read < CERTIFICATE_MAX && fgets (line, sizeof line, f);
         read += strlen (line))
        if (decode_line (line, ret))
            return true;
    fprintf (stderr, "yardctl-db: %s has no public-key\n", path);
    return false;
}

static bool check_word (const char *option, const char *word)
{
    size_t characters = 0;

    for (const char *at = word; *at; at++)
        characters += ((unsigned char)*at & 0xc0) != 0x80;
    if (characters >= 1 && strlen (word) <= WORD_MAX && ym_text_is_clean (word, strlen (word)))
        return true;
    fprintf (stderr, "yardctl-db: %s wants 1 to %d octets of UTF-8\n", option, WORD_MAX);
    return false;
}

static int find_role (const char *word)
{
    int role = ym_enum_find (YM_ENUM_ROLE, word, (unsigned)strlen (word));

    if (role >= 0)
        return role;
    fprintf (stderr, "yardctl-db: %s is no role; roles are", word);
    for (unsigned i = 0; i < ym_enums[YM_ENUM_ROLE].count; i++)
        fprintf (stderr, " %s", ym_enums[YM_ENUM_ROLE].words[i]);
    fprintf (stderr, "\n");
    return -1;
}

static int say_outcome (const struct authorization *a, const char *outcome)
{
    if (strcmp (outcome, "0") == 0) {
        printf ("authorized: %s, role %s, tenant %s\n", a->name, a->role, a->tenant);
        return DB_DONE;
    }
    enum ym_refusal why =
        strcmp (outcome, "1") == 0 ? YM_REFUSAL_KEY_EXISTS : YM_REFUSAL_NAME_TAKEN;
    fprintf (stderr, "yardctl-db: %s\nnothing was changed\n", ym_refusal_text (why));
    return ym_refusal_exit (why);
}

static int authorize (PGconn *c, const struct authorization *a, const uint8_t key[KEY_SIZE],
                      int role)
{
    char now[24], role_text[12], key_text[2 + 2 * KEY_SIZE + 1] = "\\x";
    const char *values[] = {now, key_text, role_text, a->tenant, a->name};
    PGresult *result;
    int r;

    (void)snprintf (now, sizeof now, "%lld", (long long)ym_time_wall_ms ());
    (void)snprintf (role_text, sizeof role_text, "%d", role);
    ym_text_hex (key_text + 2, key, KEY_SIZE);
    result = db_ask (c, "authorizing the key",
                     "SELECT outcome FROM ym.key_authorize($1::int8, $2::bytea, $3::int2, "
                     "$4::text, $5::text)",
                     5, values);
    if (!result)
        return PQstatus (c) == CONNECTION_OK ? DB_FAILED : DB_UNREACHABLE;
    r = PQntuples (result) == 1 ? say_outcome (a, PQgetvalue (result, 0, 0)) : DB_FAILED;
    PQclear (result);
    return r;
}

int db_authorize (const char *conninfo, const struct authorization *a)
{
    uint8_t key[KEY_SIZE];
    int role = find_role (a->role), r;
    PGconn *c;

    if (role < 0 || !check_word ("--tenant", a->tenant) || !check_word ("--name", a->name))
        return DB_USAGE;
    if (!decode (a->public_key, key) && !read_certificate (a->public_key, key))
        return DB_USAGE;
    c = db_open (conninfo);
    if (!c)
        return DB_UNREACHABLE;
    r = authorize (c, a, key, role);
    db_close (&c);
    return r;
}
