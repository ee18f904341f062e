#include "client-proxy/login/login_source.hpp"

namespace postern::client {

boost::asio::awaitable<Outcome<LoginPtr>> FixedLogin::current(std::chrono::milliseconds, WaitsFor) {
    co_return login_;
}

}  // namespace postern::client
