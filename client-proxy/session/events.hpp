// What happened to a local port or to the login, for whoever shows or keeps it.
#pragma once

#include <string>
#include <string_view>

#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/platform/socket_owner.hpp"

namespace postern::client {

enum class EventKind {
    /// A local port opened, or closed.
    connected,
    disconnected,
    /// A local connection got its tunnel; ended in order; was turned away; was open and was cut.
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
    /// Something that is good to know.
    remark,
};
std::string_view name(EventKind kind) noexcept;

struct Event {
    EventKind kind = EventKind::remark;
    std::string service;
    /// What is told to people. For a refusal the code is the reason; else Code::internal and unused.
    Refusal told;
    bool has_reason = false;
    std::string program;
    int pid = 0;
    /// Of a connection that has one.
    std::string gateway = {};
    /// It was postern's own look whether the service answers, and nobody's access.
    bool is_probe = false;
    /// It ended because the agent broke it off; then `told` says why.
    bool is_broken_off = false;
};

/// Thread-safe; quick.
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
    /// By the agent itself: the port was closed, somebody logged out, the agent ends.
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
