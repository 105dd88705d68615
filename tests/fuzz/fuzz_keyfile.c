/* fuzz_keyfile.c - any octets as a certificate: one fault at least, or a key of 40 characters.
 */
#include <string.h>

#include "common/base/panic.h"
#include "supervisor/keyfile.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static char text[KEYFILE_MAX + 1];
    static struct faults faults;
    char secret[Z85_TEXT_SIZE + 1] = "";
    uint8_t key[Z85_KEY_SIZE];
    if (size > KEYFILE_MAX)
        return 0;
    memcpy (text, data, size);
    text[size] = '\0';
    faults.count = 0;
    keyfile_parse ("fuzz", text, size, secret, &faults);
    ym_assert (faults.count || z85_decode (key, secret) == 0);
    return 0;
}
