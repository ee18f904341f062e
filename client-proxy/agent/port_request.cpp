#include "client-proxy/agent/port_request.hpp"

#include <string>

#include <fmt/format.h>

#include "pki/identity.hpp"

namespace postern::client {

namespace {

constexpr std::int64_t kMostWarm = 256;

}  // namespace

std::optional<Mode> mode_in(const control::Parameters& params) {
    if (!params.has("mode")) {
        return std::nullopt;
    }
    const std::string text = params.text("mode");
    for (const Mode mode : {Mode::end_to_end, Mode::passthrough}) {
        if (name(mode) == text) {
            return mode;
        }
    }
    throw control::BadParameter("mode is end_to_end or passthrough");
}

LoginChoice credentials_in(const control::Parameters& params) {
    const control::Parameters given(params.object("credentials"));
    LoginChoice choice;
    choice.certificate = given.text("certificate_file", "");
    choice.key = given.text("key_file", "");
    choice.server_ca = given.text("server_ca_file", "");
    choice.trust_domain = given.text("trust_domain", "");
    choice.gateways = given.texts("gateways");
    return choice;
}

Outcome<PortWish> wish_in(const control::Parameters& params, control::ClientId client) {
    PortWish wish;
    wish.order.service = params.text("service");
    if (!pki::is_resource_name(wish.order.service)) {
        return Refusal{Code::config_invalid,
                       fmt::format("'{}' is no service's name", wish.order.service),
                       "See what there is: postern services",
                       {}};
    }
    const auto mode = mode_in(params);
    wish.order.mode = mode.value_or(Mode::end_to_end);
    wish.is_wanted_so = mode.has_value();
    wish.order.admits_other_users = params.flag("unsafe_any_local_user", false);
    if (const auto port = params.optional_number("port", 0, kMostPort)) {
        wish.number = static_cast<unsigned short>(*port);
    }
    if (const auto warm = params.optional_number("warm", 0, kMostWarm)) {
        wish.order.warm = static_cast<std::size_t>(*warm);
    }
    wish.holder = params.flag("hold", false) ? client : 0;
    return wish;
}

}  // namespace postern::client
