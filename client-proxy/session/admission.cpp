#include "client-proxy/session/admission.hpp"

#include <utility>

namespace postern::client {

boost::asio::awaitable<Outcome<Admission>> admit(const SessionContext& context, LocalPortPtr port) {
    auto slot = context.slots.take({});
    if (!slot) {
        Refusal full{Code::limit_reached,
                     "postern carries as many sessions as it may",
                     "Close some connections, then try again.",
                     {}};
        co_return std::move(full);
    }
    auto login = co_await port->logins->current(context.login_timeout, WaitsFor::person);
    if (!login) {
        co_return login.error();
    }
    Admission admission{*std::move(slot), *std::move(login)};
    co_return std::move(admission);
}

}  // namespace postern::client
