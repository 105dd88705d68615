/* z85.c - four octets are one number, five digits to the base 85, most significant first. */
#include "supervisor/z85.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             ".-:+=^!/*?&<>()[]{}@%$#";

void z85_encode (char to[Z85_TEXT_SIZE + 1], const uint8_t from[Z85_KEY_SIZE])
{
    for (unsigned block = 0; block < Z85_KEY_SIZE / 4; block++) {
        const uint8_t *octets = from + 4 * block;
        uint32_t number = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
                          (uint32_t)octets[2] << 8 | octets[3];
        for (unsigned digit = 5; digit-- > 0; number /= 85)
            to[5 * block + digit] = digits[number % 85];
    }
    to[Z85_TEXT_SIZE] = '\0';
}

static int decode_block (uint8_t to[4], const char *text)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 5; i++) {
        const char *digit = text[i] ? strchr (digits, text[i]) : NULL;
        if (!digit)
            return -EINVAL;
        number = number * 85 + (uint64_t)(digit - digits);
    }
    if (number > UINT32_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (24 - 8 * i));
    return 0;
}

int z85_decode (uint8_t to[Z85_KEY_SIZE], const char *text)
{
    uint8_t key[Z85_KEY_SIZE];
    for (unsigned block = 0; block < Z85_KEY_SIZE / 4; block++) {
        int rc = decode_block (key + 4 * block, text + 5 * block);
        if (rc)
            return rc;
    }
    memcpy (to, key, sizeof key);
    explicit_bzero (key, sizeof key);
    return 0;
}
