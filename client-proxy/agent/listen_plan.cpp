#include "client-proxy/agent/listen_plan.hpp"

#include <set>

#include <boost/asio/ip/address.hpp>

namespace postern::client {

namespace {

constexpr const char* kAllV4 = "0.0.0.0";
constexpr const char* kAllV6 = "::";

/// Returns the address in its canonical form, because an address can be written in several ways. Text that is
/// not an address is returned as it is.
std::string plain(const std::string& host) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    return error ? host : address.to_string();
}

}  // namespace

ListenPlan ListenPlan::of(const std::vector<std::string>& unsafe_listen) {
    ListenPlan plan;
    std::set<std::string> hosts;
    for (const auto& host : unsafe_listen) {
        if (host == "*") {
            hosts.insert({kAllV4, kAllV6});
        } else {
            hosts.insert(plain(host));
        }
    }
    plan.v4 = hosts.count(kAllV4) > 0 ? kAllV4 : plan.v4;
    plan.v6 = hosts.count(kAllV6) > 0 ? kAllV6 : plan.v6;
    for (const auto& host : hosts) {
        const std::string& covering = host.find(':') != host.npos ? plan.v6 : plan.v4;
        if (host != covering && covering != kAllV4 && covering != kAllV6) {
            plan.more.push_back(host);
        }
    }
    return plan;
}

}  // namespace postern::client
