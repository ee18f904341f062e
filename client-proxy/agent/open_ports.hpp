// The local ports that are open, who holds each open, and which number each service gets: the same one every
// time. Lives on one thread.
#pragma once

#include <cstdint>
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

struct PortWish {
    PortOrder order;
    /// Nothing: the remembered one, or the next free one. 0: any, not remembered.
    std::optional<unsigned short> number;
    /// The client without whom the port closes again; 0: it stays open.
    std::uint64_t holder = 0;
    /// The mode is a person's own word.
    bool is_wanted_so = false;
    /// A name that no gateway offers may be a slip: it gets a number for now, not for good.
    bool is_known = true;
};

struct HeldPort {
    LocalPortPtr port;
    std::set<std::uint64_t> holders;
    bool is_kept = false;
    bool is_remembered = true;
    bool is_wanted_so = false;
};

class OpenPorts {
public:
    OpenPorts(Agent& agent, ProfileFolder folder)
        : agent_(agent), folder_(std::move(folder)), assignments_(PortAssignments::load(folder_)) {}

    /// The open port that fits the wish, or a new one. `remark` is set when it is not the remembered number.
    Outcome<LocalPortPtr> open(PortWish wish, std::string& remark);
    /// Who holds the one open holds the other.
    void hold_alike(const LocalPort& port, const LocalPort& like);
    /// All of the service's (of that number, unless 0). Those that were closed.
    std::vector<LocalPortPtr> close(std::string_view service, unsigned short number, const Refusal& why);
    /// Those that nobody holds any more.
    std::vector<LocalPortPtr> release(std::uint64_t holder, const Refusal& why);
    /// Code::already_exists when the number is another service's, the next time that it opens.
    Outcome<void> check_not_kept(const std::string& service, Mode mode, unsigned short number);
    /// For the next time, when it is not another service's.
    Outcome<void> remember(const std::string& service, Mode mode, unsigned short number);

    const std::vector<HeldPort>& all() const noexcept { return ports_; }
    /// The one to show for the service: a remembered one before others; null when there is none.
    const HeldPort* of(std::string_view service) const;
    /// 0 when there is none. Of what was remembered last.
    unsigned short remembered(std::string_view service, Mode mode) const;
    std::vector<std::string> remembered_services() const;

private:
    Outcome<LocalPortPtr> open_at(PortWish& wish, unsigned short number);
    Outcome<LocalPortPtr> open_somewhere(PortWish& wish, std::string& remark);

    Agent& agent_;
    const ProfileFolder folder_;
    PortAssignments assignments_;
    std::vector<HeldPort> ports_;
};

}  // namespace postern::client
