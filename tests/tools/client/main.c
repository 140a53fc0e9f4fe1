/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mtls_client: one TLS connection to a server on this machine, with a client certificate.
 *
 *     mtls_client --port N [OPTION]... < SCRIPT
 *
 * It sends targets byte for byte, resumes a session on request, and can hold a connection until a
 * file appears.
 *
 *     --host NAME           Host header or :authority, default localhost
 *     --no-host             none at all: HTTP/1.0, or HTTP/2 without :authority
 *     --from ADDRESS        bind this IPv4 loopback address first, such as 127.0.0.2
 *     --sni NAME            server name to ask for; without it none is sent
 *     --ca FILE             verify the server's chain (and the name, with --sni)
 *     --cert FILE           leaf first, then intermediates; with --key FILE
 *     --http 1.1|2          default 1.1
 *     --tls 1.2|1.3         exactly this version; default: the best both have
 *     --no-ticket           TLS 1.2: session ids instead of tickets
 *     --pha                 TLS 1.3: be ready for post-handshake authentication
 *     --session-out FILE    save the session, waiting for its ticket where need be
 *     --session-in FILE     offer it
 *     --parallel            HTTP/2: send all requests, then wait for all responses
 *     --headers NAME,...    print these response headers
 *     --body                print response bodies
 *
 * A line of SCRIPT is one of
 *
 *     METHOD TARGET [NAME: VALUE|NAME: VALUE...]
 *     @tunnel BYTES         behind a request: when the protocol is switched (101; CONNECT), send
 *                           BYTES and take what comes back, up to its end, for the body
 *     @sleep SECONDS
 *     @wait-file PATH
 *     @certificate [CHAIN KEY]    have this one from now on, or none
 *
 * where \xNN stands for any byte; other backslashes are themselves. A header replaces the default
 * one of the same name (host; with HTTP/2 also :method, :scheme, :authority, :path). CONNECT with
 * :protocol is RFC 8441, without it TARGET is the :authority.
 *
 * It prints, N counting requests from 1:
 *
 *     connection tls=TLSv1.3 resumed=yes|no alpn=h2|http/1.1|none
 *     response N STATUS
 *     response N reset ERROR    HTTP/2: the stream ended without a status
 *     header N NAME: VALUE      as ordered by --headers, each time it was sent, NAME in lower case
 *     body N BYTES              backslash and bytes outside printable ASCII as \xNN
 *     closed                    the server ended the connection before it answered all requests
 *     handshake-failed REASON   before anything else
 *     timeout                   after 60 seconds in all
 *
 * Exit status: 0, also with `closed`; 1 usage or a local error; 3 handshake failed; 4 timeout.
 */
#include "client.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_TIMEOUT = 4 };

static void time_is_up(int signal_number) {
    static const char text[] = "timeout\n";
    (void)signal_number;
    const ssize_t ignored = write(STDOUT_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EXIT_TIMEOUT);
}

static void finish(client *c, SSL_CTX *context) {
    if (c->opt.session_out != NULL) {
        save_session(c);
    }
    say_goodbye(c);
    SSL_free(c->ssl);
    close(c->fd);
    SSL_SESSION_free(c->new_session);
    SSL_CTX_free(context);
    free(c->input.data);
    script_free(c);
}

int main(int argc, char **argv) {
    client c = {.opt = {.host = "localhost"}, .fd = -1};
    signal(SIGALRM, time_is_up);
    signal(SIGPIPE, SIG_IGN);
    alarm(TIME_LIMIT_S);
    read_options(&c.opt, argc, argv);
    read_script(&c);
    SSL_CTX *context = make_context(&c.opt);
    tls_connect(&c, context);
    if (c.script_count > 0 && c.opt.is_h2) {
        h2_play(&c);
    } else {
        h1_play(&c);
    }
    finish(&c, context);
    return 0;
}
