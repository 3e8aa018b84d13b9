/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "net/limits.h"
#include "net/net_internal.h"
#include "net/rates.h"

/* Counters and lines about what is refused. */

/* The least time between two lines about refused connections, ms. */
#define REFUSAL_LOG_MS 1000

bool yd_net_may_log(struct yd_net *net)
{
    uint64_t now = net->loop->now;

    if (net->refusal_logged_at != 0 && now - net->refusal_logged_at < REFUSAL_LOG_MS)
        return false;
    net->refusal_logged_at = now;
    return true;
}

bool yd_net_tell_refusal(struct yd_net *net, yodel_refusal_reason reason, const struct yd_ip *ip)
{
    char text[YD_IP_TEXT_SIZE];

    if (net->options.on_refused == NULL)
        return false;
    yd_ip_write(ip, text);
    net->options.on_refused(&(yodel_refusal){.size = sizeof(yodel_refusal),
                                             .reason = reason,
                                             .peer = yodel_str_of(text)},
                            net->options.refused_user);
    return true;
}

static yodel_refusal_reason reason_of(int refusal)
{
    static const yodel_refusal_reason reasons[] = {
        [YD_REFUSED_FULL] = YODEL_REFUSED_CONNECTIONS,
        [YD_REFUSED_RATE] = YODEL_REFUSED_CONNECTS,
        [YD_REFUSED_CONNECTION] = YODEL_REFUSED_ADDRESS_CONNECTIONS,
        [YD_REFUSED_HANDSHAKE] = YODEL_REFUSED_ADDRESS_HANDSHAKES,
        [YD_REFUSED_CLIENT_RATE] = YODEL_REFUSED_ADDRESS_CONNECTS,
    };

    return reasons[refusal];
}

static void log_refusal(struct yd_net *net, int refusal, const struct yd_ip *ip)
{
    const struct yd_limits_options *limits = yd_limits_options(net->options.limits);
    bool by_handshakes = refusal == YD_REFUSED_HANDSHAKE;
    char text[YD_IP_TEXT_SIZE];

    yd_ip_write(ip, text);
    yd_log(yd_loop_log(net->loop), YODEL_LOG_WARN,
           "refused a connection from %s: it has %u %s, the most allowed", text,
           by_handshakes ? limits->handshakes : limits->connections,
           by_handshakes ? "handshakes in progress" : "connections");
}

static void log_rate(struct yd_net *net, int refusal, const struct yd_ip *ip)
{
    const struct yd_rates_options *rates = yd_rates_options(net->options.rates);
    bool by_client = refusal == YD_REFUSED_CLIENT_RATE;
    char text[YD_IP_TEXT_SIZE];

    yd_ip_write(ip, text);
    yd_log(yd_loop_log(net->loop), YODEL_LOG_WARN,
           "refused a connection from %s: %u have come%s in %u ms, the most allowed", text,
           by_client ? rates->client : rates->server, by_client ? " from there" : "",
           (unsigned)rates->period_ms);
}

void yd_net_count_refusal(struct yd_net *net, int refusal, const struct yd_ip *ip)
{
    struct yd_counters *counters = &net->loop->counters;
    bool by_rate = refusal == YD_REFUSED_RATE || refusal == YD_REFUSED_CLIENT_RATE;

    if (by_rate)
        yd_count(&counters->limited_connects, 1);
    else
        yd_count(refusal == YD_REFUSED_HANDSHAKE ? &counters->limited_handshakes
                                                 : &counters->limited_connections,
                 1);
    if (yd_net_tell_refusal(net, reason_of(refusal), ip) || !yd_net_may_log(net))
        return;
    if (by_rate)
        log_rate(net, refusal, ip);
    else
        log_refusal(net, refusal, ip);
}

void yd_net_count_flood(struct yd_net *net, const struct yd_ip *ip)
{
    char text[YD_IP_TEXT_SIZE];

    yd_count(&net->loop->counters.limited_messages, 1);
    if (yd_net_tell_refusal(net, YODEL_REFUSED_MESSAGES, ip) || !yd_net_may_log(net))
        return;
    yd_ip_write(ip, text);
    yd_log(yd_loop_log(net->loop), YODEL_LOG_WARN, "%s sends more messages than allowed", text);
}
