// Events of local ports and of the login, for the components that show or store them.
#pragma once

#include <string>
#include <string_view>

#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/platform/socket_owner.hpp"

namespace postern::client {

enum class EventKind {
    /// A local port was opened or closed.
    connected,
    disconnected,
    /// A local connection got its tunnel; ended in order; was refused; or had its open tunnel cut.
    accepted,
    closed,
    refused,
    cut,
    login,
    logout,
    renewed,
    renewal_failed,
    gateway_lost,
    gateway_back,
    /// A remark that may be useful to the person.
    remark,
};
std::string_view name(EventKind kind) noexcept;

struct Event {
    EventKind kind = EventKind::remark;
    std::string service;
    /// What people are told. When `has_reason` is true, its code is the reason; otherwise the code is
    /// Code::internal and unused.
    Refusal told;
    bool has_reason = false;
    std::string program;
    int pid = 0;
    /// The gateway of the connection; empty when the event has none.
    std::string gateway = {};
    /// The connection was Postern's own check whether the service answers, and not a person's access.
    bool is_probe = false;
    /// The connection ended because the agent ended it; `told` says why.
    bool is_broken_off = false;
};

/// All functions are thread-safe and return quickly.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual void note(Event event) = 0;

    void refused(std::string_view service, const Refusal& refusal) {
        note({EventKind::refused, std::string(service), refusal, true, {}, 0});
    }
    void accepted(std::string_view service, const LocalProgram& by, const std::string& connection_id,
                  const std::string& gateway, bool is_probe = false) {
        const Refusal told{Code::internal, {}, {}, connection_id};
        note({EventKind::accepted, std::string(service), told, false, by.path, by.pid, gateway, is_probe});
    }
    void closed(std::string_view service, const std::string& connection_id, const std::string& gateway) {
        const Refusal told{Code::internal, {}, {}, connection_id};
        note({EventKind::closed, std::string(service), told, false, {}, 0, gateway});
    }
    /// Notes a connection that the agent itself ended, because the port was closed, the person logged out, or
    /// the agent stops.
    void broken_off(std::string_view service, const Refusal& why, const std::string& gateway) {
        note({EventKind::closed, std::string(service), why, true, {}, 0, gateway, false, true});
    }
    void cut(std::string_view service, const Refusal& refusal, const std::string& gateway) {
        note({EventKind::cut, std::string(service), refusal, true, {}, 0, gateway});
    }
    void remark(std::string_view service, std::string text) {
        note({EventKind::remark,
              std::string(service),
              {Code::internal, std::move(text), {}, {}},
              false,
              {},
              0});
    }
};

}  // namespace postern::client
