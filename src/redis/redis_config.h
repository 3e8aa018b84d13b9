/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_REDIS_CONFIG_H
#define YD_REDIS_REDIS_CONFIG_H

#include <stdbool.h>
#include <yodel/redis.h>

/* Options, read and checked. */

struct yd_redis_address {
    char *host; /* of TCP */
    char *path; /* of a Unix socket; NULL: TCP */
    unsigned port;
};

struct yd_redis_config {
    yodel_redis_options options; /* filled in; its pointers are not kept */
    char *username, *password, *client_name, *master_name; /* NULL: none */
    char *sentinel_username, *sentinel_password;
    char *ca_file, *cert_file, *key_file, *server_name;
    unsigned database;
    bool tls;
    struct yd_redis_address *addresses; /* that were named; at least one */
    size_t num_addresses;
};

/* *ret is to be given to yd_redis_config_done() in any case.  Returns 0, -ENOMEM, -EINVAL,
 * YODEL_ERR_OPTIONS. */
int yd_redis_config_read(const struct yodel_allocator *mem, const yodel_redis_options *options,
                         struct yd_redis_config *ret);
void yd_redis_config_done(const struct yodel_allocator *mem, struct yd_redis_config *config);

/* A copy of an address of TCP.  Returns 0 or -ENOMEM. */
int yd_redis_address_set(const struct yodel_allocator *mem, struct yd_redis_address *address,
                         yodel_str host, unsigned port);
void yd_redis_address_done(const struct yodel_allocator *mem, struct yd_redis_address *address);
bool yd_redis_address_is(const struct yd_redis_address *address, yodel_str host, unsigned port);

/* "host:port", or the path; cut at the size. */
#define YD_REDIS_ADDRESS_SIZE 128
const char *yd_redis_address_write(const struct yd_redis_address *address,
                                   char ret_text[YD_REDIS_ADDRESS_SIZE]);

#endif
