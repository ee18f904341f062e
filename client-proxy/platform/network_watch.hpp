// Notices that the machine is on another network: an address or a link that came or went (rtnetlink(7)).
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

/// Which addresses and links there are, as far as the kernel has told of changes. Pure. The kernel also tells
/// of what is none: an address whose lifetime was extended, a wireless scan.
class NetworkState {
public:
    /// Whether one of the messages (rtnetlink) is a change.
    bool take(std::string_view messages);

private:
    bool take_address(std::string_view payload, bool has_gone);
    bool take_link(std::string_view payload, bool has_gone);

    std::set<std::pair<unsigned, std::string>> addresses_;
    /// By interface: whether it can carry something.
    std::map<unsigned, bool> links_;
};

/// The kernel's messages about addresses and links.
Result<UniqueFd> open_network_messages();

/// Calls `on_change` on the coroutine's loop, once for changes that come together. Runs as long as the loop.
boost::asio::awaitable<void> watch_network(UniqueFd messages, std::function<void()> on_change);

}  // namespace postern::client
