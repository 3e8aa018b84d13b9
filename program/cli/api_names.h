/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_API_NAMES_H
#define YG_CLI_API_NAMES_H

/* The commands that ask a running yodel. */

/* X(name, verb, arguments, least, most, one line, more or NULL) */
#define YG_API_WORD_MAP(X)                                                                         \
    X("emit", YG_VERB_EMIT, "EVENT [JSON]...", 1, SIZE_MAX, "Sends an event to clients.",          \
      "Arguments are JSON: '{\"a\": 1}', 12, '\"text\"'; with --text they are texts.")             \
    X("join", YG_VERB_JOIN, "ROOM...", 1, SIZE_MAX, "Puts clients into rooms.", NULL)              \
    X("leave", YG_VERB_LEAVE, "ROOM...", 1, SIZE_MAX, "Takes clients out of rooms.", NULL)         \
    X("disconnect", YG_VERB_DISCONNECT, "", 0, 0, "Sends clients away.", NULL)                     \
    X("update", YG_VERB_UPDATE, "", 0, 0, "Changes what is known of clients.", NULL)               \
    X("sockets", YG_VERB_SOCKETS, "[SID]", 0, 1, "Lists clients, or shows one.", NULL)             \
    X("rooms", YG_VERB_ROOMS, "[PREFIX]", 0, 1, "Lists rooms.", NULL)                              \
    X("presence", YG_VERB_PRESENCE, "[ROOM]", 0, 1, "Lists who is in a room or a group.", NULL)    \
    X("history", YG_VERB_HISTORY, "[ROOM]", 0, 1, "Shows what was kept of a room or a group.",     \
      NULL)                                                                                        \
    X("nodes", YG_VERB_NODES, "", 0, 0, "Lists the nodes.", NULL)                                  \
    X("stats", YG_VERB_STATS, "", 0, 0, "Shows counts of one node.", NULL)                         \
    X("batch", YG_API_BATCH, "FILE|-", 1, 1, "Runs the commands of a file.",                       \
      "The file is a list of commands, {\"commands\": [...]}, or has one a line.  A command is\n"  \
      "{\"emit\": {\"to\": {\"rooms\": [\"r\"]}, \"event\": \"e\", \"args\": []}} and the like.")  \
    X("reload", YG_API_RELOAD, "", 0, 0, "Has the configuration read again.",                      \
      "Prints what has changed, and what needs a restart.  Ends with 78 when it was refused.")     \
    X("reopen", YG_API_REOPEN, "", 0, 0, "Has the log's file opened again.", NULL)                 \
    X("stop", YG_API_STOP, "", 0, 0, "Has it stop, and waits until it has.", NULL)

/* Runs one of them, argv[0].  Returns how the program ends. */
int yg_api_run(int argc, char **argv);

#endif
