/* text.c - text that is clean, and addresses that are paths. */
#include "client/agents/common/text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* How many octets the character at 'at' takes; 0: it is not well-formed UTF-8. */
static size_t character (const unsigned char *at, size_t left)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

    if (size == 0 || size > left || *at > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed, a surrogate, beyond the last character. */
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

bool agents_text_is_clean (const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t n; size > 0; at += n, size -= n) {
        n = character (at, size);
        if (n == 0 || *at == 0)
            return false;
    }
    return true;
}

/* Addresses and the words of others may hold anything; what is said is one line of text. */
void agents_text_tidy (char *text)
{
    bool is_text = agents_text_is_clean (text, strlen (text));

    for (unsigned char *at = (unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (*at >= 0x80 && !is_text))
            *at = '?';
}

static int hex (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower ((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool agents_address_path (const char *address, char ret_path[PATH_MAX])
{
    bool is_url = strncmp (address, "file://", 7) == 0;
    size_t size = 0;

    if (is_url)
        address += strncmp (address + 7, "localhost/", 10) == 0 ? 16 : 7;
    if (*address != '/')
        return false;
    for (; *address; address++) {
        int c = (unsigned char)*address;
        if (is_url && c == '%') {
            if (hex (address[1]) < 0 || hex (address[2]) < 0)
                return false;
            c = hex (address[1]) * 16 + hex (address[2]);
            address += 2;
        }
        if (c == 0 || c == '\n' || size + 1 >= PATH_MAX)
            return false;
        ret_path[size++] = (char)c;
    }
    while (size > 1 && ret_path[size - 1] == '/')
        size--;
    ret_path[size] = '\0';
    return true;
}

int64_t agents_clock_ms (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
