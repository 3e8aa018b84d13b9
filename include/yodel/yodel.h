/* SPDX-License-Identifier: MIT */
#ifndef YODEL_H
#define YODEL_H

#include <yodel/base.h>
#include <yodel/channels.h>
#include <yodel/decision.h>
#include <yodel/guest.h>
#include <yodel/http.h>
#include <yodel/http_body.h>
#include <yodel/http_files.h>
#include <yodel/http_stream.h>
#include <yodel/listen.h>
#include <yodel/log.h>
#include <yodel/loop.h>
#include <yodel/restart.h>
#include <yodel/server.h>
#include <yodel/sse.h>
#include <yodel/version.h>
#include <yodel/ws.h>

#endif
