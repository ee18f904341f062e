#include "gateway/commands/cli_error.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "base/own_commands.hpp"
#include "base/printed.hpp"
#include "base/shown_text.hpp"

namespace postern::gateway {

namespace {

struct Advice {
    int exit_code;
    std::string_view hint;
};

Advice advice_on(Code code) {
    switch (code) {
        case Code::config_invalid:
        case Code::not_found:
        case Code::malformed_certificate:
            return {3, "correct the configuration, then try it with: postern-gateway check-config"};
        case Code::audit_unavailable:
            return {1,
                    "see that the folder of [audit] file can be written, and that no other gateway uses it"};
        case Code::already_exists:
            return {1, "another program has the port: choose another in [gateway] listen, or stop that one"};
        case Code::unauthenticated:
        case Code::policy_denied:
            return {4,
                    "a token works once and for a limited time: make a new one with postern-ca token create"};
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::wrong_server_identity:
            return {4,
                    "compare the fingerprint with: postern-ca fingerprint; if it is the same, somebody is in "
                    "between"};
        case Code::unreachable:
        case Code::timed_out:
        case Code::unavailable:
        case Code::tls_failed:
        case Code::tls_version:
        case Code::end_of_stream:
            return {5, "see that the CA service runs and that its address is right"};
        case Code::expired:
        case Code::not_yet_valid:
            return {4, "check this machine's clock, then that of the CA machine"};
        case Code::malformed_request:
        case Code::request_too_large:
            return {5, "something else answers there: see that the address is that of a CA service"};
        case Code::not_tls:
            return {5, "something else answers there, or a load balancer without a CA service behind it"};
        case Code::limit_reached:
            return {5, "wait a moment, then try again"};
        case Code::out_of_resources:
            return {1, "close programs, or raise the limit: LimitNOFILE= in the unit, ulimit -n in a shell"};
        default:
            return {1, "see the message above; with a bug, tell the makers of Postern"};
    }
}

std::string g_own_options;

}  // namespace

void set_own_options(std::string options) {
    g_own_options = std::move(options);
}

void print_error(std::string_view what, std::string_view why, std::string_view hint) {
    fmt::print(stderr, "postern-gateway: error: {}: {}\n", shown(what), shown_lines(why));
    if (!hint.empty()) {
        say_to(stderr, "hint: {}\n", with_own_options(hint, "postern-gateway", g_own_options));
    }
}

int cli_error(std::string_view what, const Failure& failure) {
    const Advice advice = advice_on(failure.code);
    const std::string_view why =
        failure.detail.empty() ? name(failure.code) : std::string_view(failure.detail);
    print_error(what, why, advice.hint);
    return advice.exit_code;
}

}  // namespace postern::gateway
