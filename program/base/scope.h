/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_SCOPE_H
#define YG_BASE_SCOPE_H

/* The scopes of a key of the API, as bits; command/rights.h says what each allows. */
#define YG_SCOPE_EMIT (1u << 0)
#define YG_SCOPE_ROOMS (1u << 1)
#define YG_SCOPE_READ (1u << 2)
#define YG_SCOPE_ADMIN (1u << 3)
#define YG_SCOPE_PROCESS (1u << 4)
#define YG_SCOPE_ALL 31u

#endif
