/* provision.h - what a mover says of the things it makes beside what it moves. */
#ifndef YARD_AGENTS_PROVISION_H
#define YARD_AGENTS_PROVISION_H

#define AGENTS_ADDRESS_MAX 201

enum agents_provision {
    AGENTS_BEGUN, /* about to be made */
    AGENTS_MADE,
    AGENTS_GONE, /* removed, or the owner's from now on */
};

#endif
