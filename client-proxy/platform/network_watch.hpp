// Detects that the machine is on another network, by addresses and links that come and go (rtnetlink(7)).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::client {

/// The addresses and links of the machine, as far as the kernel has reported changes. The kernel also reports
/// events that change nothing, such as an address whose lifetime was extended or a wireless scan. It does no
/// I/O. Not thread-safe.
class NetworkState {
public:
    /// Takes in a datagram of rtnetlink messages, and returns whether one of them is a change.
    bool take(std::string_view messages);

private:
    bool take_address(std::string_view payload, bool has_gone);
    bool take_link(std::string_view payload, bool has_gone);

    std::set<std::pair<unsigned, std::string>> addresses_;
    /// For each interface, whether it can carry traffic.
    std::map<unsigned, bool> links_;
};

/// Opens a netlink socket that receives the kernel's messages about addresses and links.
Result<UniqueFd> open_network_messages();

/// Calls `on_change` on the coroutine's event loop, once for changes that come together. It runs as long as
/// the loop.
boost::asio::awaitable<void> watch_network(UniqueFd messages, std::function<void()> on_change);

}  // namespace postern::client
