#include "client-proxy/agent/squatter.hpp"

#include <unistd.h>

#include <fmt/format.h>

namespace postern::client {

std::optional<Refusal> squatting(const std::string& service, unsigned short port,
                                 const std::optional<LocalProgram>& listener) {
    if (!listener || listener->uid == ::geteuid()) {
        return std::nullopt;
    }
    return Refusal{
        Code::already_exists,
        fmt::format(
            "WARNING: another user of this machine (uid {}) listens on localhost:{}, where your programs "
            "expect {}: whoever connects there gives that user their password",
            listener->uid, port, service),
        fmt::format(
            "Connect nothing to it. Choose another port (postern connect {}:PORT) and mend your programs' "
            "settings; postern psql goes through a socket that is yours alone.",
            service),
        {}};
}

std::optional<Refusal> squatter_on(const std::string& service, unsigned short port) {
    return squatting(service, port, listener_on(port));
}

}  // namespace postern::client
