/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_PORT = 256,
    OPT_HOST,
    OPT_FROM,
    OPT_SNI,
    OPT_CA,
    OPT_CERT,
    OPT_KEY,
    OPT_HTTP,
    OPT_TLS,
    OPT_OUT,
    OPT_IN,
    OPT_HEADERS
};

static const char *one_of(const char *option, const char *value, const char *first,
                          const char *second) {
    if (strcmp(value, first) != 0 && strcmp(value, second) != 0) {
        die("%s must be %s or %s", option, first, second);
    }
    return value;
}

static void take_option(options *o, int option, const char *value) {
    switch (option) {
    case OPT_PORT: o->port = strtol(value, NULL, 10); break;
    case OPT_HOST: o->host = value; break;
    case OPT_FROM: o->from = value; break;
    case OPT_SNI: o->sni = value; break;
    case OPT_CA: o->ca = value; break;
    case OPT_CERT: o->cert = value; break;
    case OPT_KEY: o->key = value; break;
    case OPT_HTTP: o->is_h2 = strcmp(one_of("--http", value, "1.1", "2"), "2") == 0; break;
    case OPT_TLS:
        o->tls_version = strcmp(one_of("--tls", value, "1.2", "1.3"), "1.2") == 0 ? TLS1_2_VERSION
                                                                                  : TLS1_3_VERSION;
        break;
    case OPT_OUT: o->session_out = value; break;
    case OPT_IN: o->session_in = value; break;
    case OPT_HEADERS: o->headers = value; break;
    case 0: break; /* a flag, set by getopt_long */
    default: die("usage: mtls_client --port N [OPTION]... < SCRIPT");
    }
}

void read_options(options *o, int argc, char **argv) {
    const struct option table[] = {
        {"port", required_argument, NULL, OPT_PORT},
        {"host", required_argument, NULL, OPT_HOST},
        {"no-host", no_argument, &o->no_host, 1},
        {"from", required_argument, NULL, OPT_FROM},
        {"sni", required_argument, NULL, OPT_SNI},
        {"ca", required_argument, NULL, OPT_CA},
        {"cert", required_argument, NULL, OPT_CERT},
        {"key", required_argument, NULL, OPT_KEY},
        {"http", required_argument, NULL, OPT_HTTP},
        {"tls", required_argument, NULL, OPT_TLS},
        {"no-ticket", no_argument, &o->no_ticket, 1},
        {"pha", no_argument, &o->is_pha, 1},
        {"session-out", required_argument, NULL, OPT_OUT},
        {"session-in", required_argument, NULL, OPT_IN},
        {"parallel", no_argument, &o->is_parallel, 1},
        {"headers", required_argument, NULL, OPT_HEADERS},
        {"body", no_argument, &o->wants_body, 1},
        {NULL, 0, NULL, 0},
    };
    for (int option = 0; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        take_option(o, option, optarg);
    }
    if (optind != argc || o->port < 1 || o->port > 65535) {
        die("--port is required, 1 to 65535, and everything else is an option");
    }
    if (o->is_parallel && !o->is_h2) {
        die("--parallel needs --http 2");
    }
}
