/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_OWN_WORDS_H
#define YD_ADAPTER_OWN_WORDS_H

/* What Yodel adds to the messages of socket.io's adapters; servers in JavaScript know nothing of
 * it, and are not disturbed. */

/* True among the flags of a broadcast that is to be acknowledged: with all arguments.  True beside
 * an acknowledgement: its packet is an array of all arguments, and not the first of them. */
#define YD_OWN_ALL_ARGUMENTS "allArguments"

#endif
