// The local ports that are open, the clients that hold them open or wait for one, and the port number of each
// service, which stays the same each time. Used on one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/port_assignments.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// A request to open a port.
struct PortWish {
    PortOrder order;
    /// Without a value it is the remembered number, or the next free one. 0 stands for any port, which is not
    /// remembered.
    std::optional<unsigned short> number;
    /// The control client whose port it is: the port closes when all of its holders are gone. 0 keeps the
    /// port open without a holder.
    std::uint64_t holder = 0;
    /// The person chose the mode explicitly.
    bool is_wanted_so = false;
    /// Whether a gateway offers the service. A name that none offers may be a typing error; it gets a number
    /// for now, but the number is not remembered.
    bool is_known = true;
};

/// An open port and the control clients that hold it open.
struct HeldPort {
    LocalPortPtr port;
    std::set<std::uint64_t> holders;
    /// The port stays open without holders.
    bool is_kept = false;
    bool is_remembered = true;
    bool is_wanted_so = false;
};

/// `agent` outlives this object.
class OpenPorts {
public:
    OpenPorts(Agent& agent, ProfileFolder folder)
        : agent_(agent), folder_(std::move(folder)), assignments_(PortAssignments::load(folder_)) {}

    /// Returns the open port that fits the wish, or opens one. `remark` is set when the port does not have
    /// the remembered number because another program has taken that.
    Outcome<LocalPortPtr> open(PortWish wish, std::string& remark);
    /// Gives `port` the same holders as `like`.
    void hold_alike(const LocalPort& port, const LocalPort& like);
    /// Closes the service's ports: the one with that number, or all of them when `number` is 0. Returns those
    /// that were closed; their clients are told `why`.
    std::vector<LocalPortPtr> close(std::string_view service, unsigned short number, const Refusal& why);
    /// Removes the holder, and closes the ports that nobody holds any more. Returns those that were closed;
    /// their clients are told `why`.
    std::vector<LocalPortPtr> release(std::uint64_t holder, const Refusal& why);
    /// Errors: Code::already_exists when the number is assigned to another service.
    Outcome<void> check_not_kept(const std::string& service, Mode mode, unsigned short number);
    /// Assigns the number to the service from the next opening on. Errors: Code::already_exists when it is
    /// assigned to another service; Code::io_failed.
    Outcome<void> remember(const std::string& service, Mode mode, unsigned short number);

    /// A client begins to wait for a port of the service. Each call is matched by one of end_opening().
    void begin_opening(const std::string& service) { opening_.insert(service); }
    void end_opening(const std::string& service) { opening_.erase(opening_.find(service)); }
    bool is_opening(const std::string& service) const { return opening_.count(service) > 0; }

    const std::vector<HeldPort>& all() const noexcept { return ports_; }
    /// The port to show for the service: one with a remembered number comes before others. Null when there is
    /// none.
    const HeldPort* of(std::string_view service) const;
    /// Says whether a port of the service is open that shows that login.
    bool shows(std::string_view service, const std::shared_ptr<LoginSource>& logins) const;
    /// The assigned number, as it was last read from disk; 0 when there is none.
    unsigned short remembered(std::string_view service, Mode mode) const;
    std::vector<std::string> remembered_services() const;

private:
    Outcome<LocalPortPtr> open_at(PortWish& wish, unsigned short number);
    Outcome<LocalPortPtr> open_somewhere(PortWish& wish, std::string& remark);

    Agent& agent_;
    const ProfileFolder folder_;
    PortAssignments assignments_;
    std::vector<HeldPort> ports_;
    /// Clients wait for ports of these services; each stands here once for each client.
    std::multiset<std::string> opening_;
};

}  // namespace postern::client
