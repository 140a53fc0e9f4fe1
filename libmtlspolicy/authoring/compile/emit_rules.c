/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapters 7 to 9: who may do what, the rules that say so, and the paths they speak of. */
#include "compile/captures.h"
#include "compile/emitter.h"

void mpol_emit__rows(mpol_emitter *e) {
    mpol_buffer *rows = &e->section[MPOL_ROWS];
    mpol_buffer *entries = &e->section[MPOL_ENTRIES];
    EACH (e->parts->matrix->rows, mpol_row, row) {
        mpol_put_u32(rows, row->default_cell);
        mpol_put_u32(rows, row->first_entry);
        mpol_put_u32(rows, row->entry_count);
    }
    EACH (e->parts->matrix->entries, mpol_entry, entry) {
        mpol_put_u32(entries, entry->route_class);
        mpol_put_u32(entries, entry->cell);
    }
    EACH (e->parts->matrix->cells->items, mpol_bytes, cell) {
        const uint32_t *lists = (const uint32_t *)(const void *)cell->data;
        mpol_put_u32(&e->section[MPOL_CELLS], lists[0]);
        mpol_put_u32(&e->section[MPOL_CELLS], lists[1]);
    }
}

static uint32_t rule_flags(const mpol_rule *rule) {
    return (rule->deny ? MPOL_RULE_DENY : 0u) |
           (rule->networks->nelts > 0 ? MPOL_RULE_HAS_NETWORKS : 0u) |
           (rule->has_from ? MPOL_RULE_HAS_FROM : 0u) |
           (rule->has_until ? MPOL_RULE_HAS_UNTIL : 0u) |
           (rule->any_user || rule->users->nelts > 0 ? MPOL_RULE_HAS_USERS : 0u) |
           (rule->any_user ? MPOL_RULE_ANY_USER : 0u) |
           (rule->sames->nelts > 0 ? MPOL_RULE_HAS_SAMES : 0u);
}

/* What a rule's conditions list. */
static void emit_conditions(mpol_emitter *e, const mpol_rule *rule) {
    EACH (rule->networks, mpol_network, network) {
        mpol_put_bytes(&e->section[MPOL_NETWORKS], network->low, MPOL_ADDRESS_BYTES);
        mpol_put_bytes(&e->section[MPOL_NETWORKS], network->high, MPOL_ADDRESS_BYTES);
    }
    EACH (rule->users, mpol_bytes, user) {
        mpol_put_u32(&e->section[MPOL_USERS], mpol_emit__id(e, *user));
    }
    EACH (rule->sames, mpol_same, same) {
        bool capture = same->kind == MPOL_SAME_CAPTURE;
        mpol_put_u32(&e->section[MPOL_SAMES], mpol_strings_id(e->captures, same->path));
        mpol_put_u32(&e->section[MPOL_SAMES], same->kind);
        mpol_put_u32(&e->section[MPOL_SAMES], capture ? mpol_strings_id(e->captures, same->source)
                                                      : mpol_emit__id(e, same->source));
    }
}

void mpol_emit__rules(mpol_emitter *e) {
    mpol_buffer *rules = &e->section[MPOL_RULES];
    EACH (e->model->rules, mpol_rule, rule) {
        mpol_put_u32(rules, mpol_emit__id(e, rule->name));
        mpol_put_u32(rules, mpol_emit__id(e, rule->owner));
        mpol_put_u32(rules, mpol_emit__id(e, rule->ticket));
        mpol_put_u32(rules, mpol_emit__id(e, rule->note));
        mpol_put_u64(rules, rule->has_from ? rule->valid_from_s : 0);
        mpol_put_u64(rules, rule->has_until ? rule->valid_until_s : 0);
        mpol_put_u32(rules, COUNT(e, NETWORKS));
        mpol_put_u32(rules, (uint32_t)rule->networks->nelts);
        mpol_put_u32(rules, COUNT(e, USERS));
        mpol_put_u32(rules, (uint32_t)rule->users->nelts);
        mpol_put_u32(rules, COUNT(e, SAMES));
        mpol_put_u32(rules, (uint32_t)rule->sames->nelts);
        mpol_put_u32(rules,
                     rule->sames->nelts > 0
                         ? mpol_values_list(e->parts->lists, mpol_members_of_rule(e->members, rule))
                         : MPOL_LIST_EMPTY);
        mpol_put_u32(rules, rule_flags(rule));
        mpol_put_u32(rules, 0);
        emit_conditions(e, rule);
    }
}

/* --- paths
 * ------------------------------------------------------------------------------------------ */

void mpol_emit__states(mpol_emitter *e) {
    mpol_buffer *states = &e->section[MPOL_STATES];
    mpol_buffer *edges = &e->section[MPOL_EDGES];
    EACH (e->parts->paths->hosts, mpol_host, host) {
        mpol_put_u64(&e->section[MPOL_HOSTS], host->hash);
        mpol_put_u32(&e->section[MPOL_HOSTS], mpol_emit__id(e, host->name));
        mpol_put_u32(&e->section[MPOL_HOSTS], host->state);
    }
    EACH (e->parts->automaton->states, mpol_state, state) {
        mpol_put_u32(states, state->first_edge);
        mpol_put_u32(states, state->edge_count);
        mpol_put_u32(states, state->other);
        mpol_put_u32(states, state->narrow);
        mpol_put_u32(states, state->end);
        mpol_put_u32(states, state->tail);
    }
    EACH (e->parts->automaton->narrows->items, mpol_bytes, narrow) {
        for (int i = 0; i < 3; i++)
            mpol_put_u32(&e->section[MPOL_NARROWS],
                         ((const uint32_t *)(const void *)narrow->data)[i]);
    }
    EACH (e->parts->automaton->edges, mpol_edge, edge) {
        mpol_put_u64(edges, edge->hash);
        mpol_put_u32(edges, mpol_emit__id(e, edge->literal));
        mpol_put_u32(edges, edge->target);
    }
}

static uint32_t captures_of(mpol_emitter *e, const mpol_pattern *pattern) {
    return pattern != NULL ? mpol_captures_list(e->captures, e->parts->lists, pattern->segments)
                           : MPOL_LIST_EMPTY;
}

void mpol_emit__routes(mpol_emitter *e) {
    mpol_buffer *endpoints = &e->section[MPOL_ENDPOINTS];
    mpol_buffer *methods = &e->section[MPOL_METHODS];
    mpol_buffer *routes = &e->section[MPOL_ROUTES];
    uint32_t index = 0;
    EACH (e->parts->paths->endpoints, mpol_endpoint, endpoint) {
        mpol_put_u32(endpoints, mpol_emit__id(e, endpoint->pattern));
        mpol_put_u32(endpoints, endpoint->any_route);
        mpol_put_u32(endpoints, captures_of(e, endpoint->any_pattern));
        mpol_put_u32(endpoints, endpoint->preflight);
        mpol_put_u32(endpoints, COUNT(e, METHODS));
        mpol_put_u32(endpoints, (uint32_t)endpoint->methods->nelts);
        EACH (endpoint->methods, mpol_method, method) {
            mpol_put_u32(methods, mpol_emit__id(e, method->name));
            mpol_put_u32(methods, method->route);
            mpol_put_u32(methods, captures_of(e, method->pattern));
        }
    }
    EACH (e->model->routes, mpol_route, route) {
        mpol_put_u32(routes, mpol_emit__id(e, route->name));
        mpol_put_u32(routes, e->parts->matrix->route_class[index++]);
        mpol_put_u32(routes, route->flags);
    }
}
