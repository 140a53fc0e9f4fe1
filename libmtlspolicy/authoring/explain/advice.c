/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/advice.h"

#include <stddef.h>

static const mpol_advice rows[] = {
    [MPOL_REASON_POLICY_UNAVAILABLE] =
        {"policy",
         "See the server's log at start and at the last reload, and compile the policy again.",
         "The file of `MtlsPolicyFile` could not be used at the last reload, and this path never "
         "had a good one. The line at `crit` says why: it is missing, its owner or its permissions "
         "are wrong, it is broken, or of another format version."},
    [MPOL_REASON_POLICY_EXPIRED] =
        {"policy", "Set a later valid_until, raise the serial, compile, and reload the server.",
         "The policy says of itself until when it holds, so that a forgotten server does not go on "
         "with old rights. From then on it denies everything, routes for everyone too."},
    [MPOL_REASON_INTERNAL_ERROR] =
        {"policy", "See the server's log around this request, and report what it says.",
         "The server had no memory or no clock, or a module between removed what the decision is "
         "made of. It is never the client's doing."},
    [MPOL_REASON_METHOD_UNSUPPORTED] =
        {"method", "Send another method; these three are refused whatever the policy says.",
         "TRACE shows what proxies add to a request, CONNECT makes a tunnel, and `OPTIONS *` has "
         "no "
         "path that a policy could judge."},
    [MPOL_REASON_HOST_MISSING] =
        {"route", "Send a Host header, or list \"-\" among the hosts of a route.",
         "An HTTP/1.0 client or a health check sent no Host header. Such a request is never taken "
         "for one to the server's own name."},
    [MPOL_REASON_HOST_MALFORMED] =
        {"route", "Send the host as a DNS name or an IP address, with a port at most.",
         "The Host header holds a user, a percent sign, an empty label, a port that is no number, "
         "a "
         "zone of an IPv6 address, or more than 253 bytes."},
    [MPOL_REASON_AMBIGUOUS_PATH] =
        {"route", "Send the path in its plain form, or let the route expect this class of path.",
         "The path holds something that servers behind may read in another way: an encoded slash, "
         "a backslash, `;`, `//`, dot segments or `%25`. These a route may take by `expects`. A "
         "broken escape, bytes that are no UTF-8, control characters, a double escape, `..;` and a "
         "raw byte above 0x7F are refused everywhere."},
    [MPOL_REASON_ROUTE_UNKNOWN] =
        {"route", "Compare host, path and trailing slash with the routes, or add a route.",
         "No route lists this host, or none of those that do has a pattern for this path. `/a` and "
         "`/a/` are two paths; `*.example` is one label, not several; a host that is listed "
         "anywhere is not served by routes for `*`. A path of an internal route is unknown to "
         "clients."},
    [MPOL_REASON_METHOD_NOT_ON_ROUTE] =
        {"method", "Add the method to the route with the most specific pattern for this path.",
         "The most specific pattern that matches the path decides, and no route with that pattern "
         "claims the method. Less specific ones, such as `/**`, are not asked then. Methods are "
         "compared with their case."},
    [MPOL_REASON_METHOD_OVERRIDE] =
        {"method", "Leave the header out, or let the route expect method-override.",
         "X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override, X-Original-URL or "
         "X-Rewrite-URL "
         "is there: an application behind might do something else than what was judged."},
    [MPOL_REASON_TLS_ABSENT] =
        {"connection", "Call the https URL, or allow everyone on this route.",
         "The request came without TLS, so there is no certificate to judge. A proxy in front that "
         "ends TLS has the same effect."},
    [MPOL_REASON_TLS_UNAVAILABLE] =
        {"connection", "Let mod_ssl serve this virtual host, from httpd 2.4.49 on.",
         "The connection is TLS, but its certificate cannot be looked at: mod_ssl is not loaded, "
         "another TLS module serves the port, or it lacks what is needed."},
    [MPOL_REASON_VHOST_MISMATCH] =
        {"connection", "Call this host on a connection of its own, with its name in the handshake.",
         "The request came on a connection that was made for another virtual host of the port, "
         "which verifies clients against other authorities or revocation lists or in another way, "
         "or with a resumed session, while this one resumes none (`MtlsResumption off`). Clients "
         "that reuse a connection for several names make another one when they get this status."},
    [MPOL_REASON_NO_CERTIFICATE] =
        {"connection", "Give the client its certificate and key, or allow everyone on this route.",
         "The client has no certificate configured, its key does not fit, or it found none from "
         "the authorities that the server names (`SSLCADNRequestFile`). Where `SSLVerifyClient` is "
         "`none` the server never asks."},
    [MPOL_REASON_CERTIFICATE_NOT_VERIFIED] =
        {"certificate",
         "Mend what OpenSSL says of this certificate, or let the client send its intermediates.",
         "TLS could not verify the certificate and let the connection go on (`SSLVerifyClient "
         "optional_no_ca`): a signature or a constraint is wrong, it was not issued for clients, "
         "or "
         "an intermediate is missing."},
    [MPOL_REASON_CERTIFICATE_MALFORMED] =
        {"certificate",
         "Issue the certificate again; its extensions or its subject cannot be read.",
         "An extension is broken or stands twice, or the subject alternative name cannot be "
         "decoded."},
    [MPOL_REASON_ISSUER_NOT_ESTABLISHED] =
        {"issuer", "Let the client connect again with a full handshake.",
         "The TLS session was resumed and carries no record of the path that was verified when it "
         "began: it was made before the module was loaded, or by a server without it that shares "
         "the session cache or the ticket key. A path of more than 16 authorities is never "
         "established."},
    [MPOL_REASON_ISSUER_UNKNOWN] =
        {"issuer", "Add the authority that signed it to the issuers, by its certificate.",
         "The server trusts an authority that the policy does not name. An authority is known by "
         "its key: one with the same name and a new key is another one. A certificate that signed "
         "itself never counts."},
    [MPOL_REASON_CERTIFICATE_EXPIRED] =
        {"certificate", "Renew the client's certificate, or the intermediate that ran out.",
         "It is judged at each request, so a connection that stays open ends with its certificate. "
         "Every certificate below the trust anchor counts."},
    [MPOL_REASON_CERTIFICATE_NOT_YET_VALID] =
        {"certificate",
         "Wait for its first day, or set the clock of the server or of the authority.",
         "The certificate was made for a later day, or one of two clocks is wrong."},
    [MPOL_REASON_NAME_MISSING] =
        {"name", "Issue a certificate with a name of the issuer's kinds, or list the kind it has.",
         "The issuer's `names` say where a name is read, and nothing stands there. No other field "
         "is tried instead: a common name never stands in for a DNS name."},
    [MPOL_REASON_NAME_AMBIGUOUS] =
        {"name", "Issue a certificate with one name of these kinds, or set any_of for the issuer.",
         "The certificate carries several names of the issuer's kinds, and the policy says that "
         "there is one. With `any_of` it may carry up to 16."},
    [MPOL_REASON_NAME_MALFORMED] =
        {"name", "Issue a certificate whose name follows the rules of its kind.",
         "A name is empty, too long, holds a control character or a zero byte, or is not what its "
         "kind asks for: a wildcard as DNS name, a URI that is no SPIFFE ID, a user principal name "
         "that is no UTF8String."},
    [MPOL_REASON_NAME_OUTSIDE_ISSUER] =
        {"name", "Let the right authority issue it, or add the name to may_assert of this issuer.",
         "The issuer's `may_assert` lists the names it may give, and this is none of them, even "
         "where an identity has that name."},
    [MPOL_REASON_IDENTITY_UNKNOWN] =
        {"name", "Add an identity with this name and this issuer, and put it into a rule.",
         "The certificate is fine, but the policy has no such client: the name differs in case or "
         "in a segment, the identity belongs to another issuer, or one of its attributes or pins "
         "does not fit."},
    [MPOL_REASON_DENIED_BY_RULE] =
        {"rule", "See the rule that is named: no allow rule wins against it.",
         "A deny rule names this client and this route, and its conditions hold. A denial for "
         "`issuer:NAME` also meets clients on whose path any authority of that issuer stands."},
    [MPOL_REASON_INDETERMINATE] =
        {"condition", "Say what is not known: the caller's address or the value of a capture.",
         "A condition of the rule could not be judged, and a guess would be one in somebody's "
         "favour. In the server the peer's address is not known, for example behind a Unix socket; "
         "in `mtls-policy explain`, `--from` or `--capture` is missing."},
    [MPOL_REASON_ALLOWED] = {NULL, NULL,
                             "An allow rule applies, or the route is open to everyone."},
    [MPOL_REASON_USER_REQUIRED] =
        {"condition", "Log in: the rule wants one of its users beside the certificate.",
         "All that is missing is a user whom another module authenticated. Where an `AuthType` "
         "applies the answer is 401. A user name that comes from the certificate is none."},
    [MPOL_REASON_CONDITION_NOT_MET] =
        {"condition", "See the condition that is named, in the rule that is named.",
         "A rule joins this client to this route, but the caller's address is in none of its "
         "`networks`, its `valid_from` is to come or its `valid_until` is over, the user is none "
         "of "
         "its `users`, or the value in the path is not the `same` as the one in the certificate."},
    [MPOL_REASON_NO_RULE] =
        {"rule", "Add the identity, or a group it is in, to an allow rule of this route.",
         "Client and route are both known, and no rule names the two together. Everything is "
         "denied unless a rule allows it."},
    [MPOL_REASON_NOT_ON_REQUIRE_LINE] =
        {"rule", "Add the identity or its group to the Require line, or call another section.",
         "The policy allows the request, but `Require mtls-identity` in the server's configuration "
         "names identities or groups, and this client is none of them. Names of enclosing sections "
         "hold too."},
};

_Static_assert(sizeof rows / sizeof rows[0] == MPOL_REASON_COUNT,
               "the last reason has advice; tests/tools/why_denied.c looks at the others");

static const char *const condition_rows[MPOL_CONDITION_COUNT] = {
    [MPOL_CONDITION_NETWORKS] =
        "Call from one of the rule's networks, or add the caller's network to the rule.",
    [MPOL_CONDITION_VALID_FROM] = "Wait for the rule's valid_from, or set an earlier one.",
    [MPOL_CONDITION_VALID_UNTIL] = "Set a later valid_until, or add a rule that holds now.",
    [MPOL_CONDITION_USERS] = "Log in as one of the rule's users, or add the user to the rule.",
    [MPOL_CONDITION_SAME] =
        "Ask for the path whose captured value is the client's own; see the rule's same.",
};

const mpol_advice *mpol_advice_on(mpol_reason reason) {
    return &rows[reason < MPOL_REASON_COUNT ? reason : MPOL_REASON_INTERNAL_ERROR];
}

const char *mpol_advice_on_condition(mpol_condition condition) {
    return condition_rows[condition < MPOL_CONDITION_COUNT ? condition : MPOL_CONDITION_NONE];
}
