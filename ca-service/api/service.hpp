// postern-ca serve: starts the service from its files, and stops it. Owns the threads.
#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/config.hpp"

namespace postern::ca {

struct ServiceFiles {
    std::filesystem::path directory;
    std::filesystem::path config;
    std::filesystem::path store;
};

/// Everything that serves, started and listening. It must be used on the thread that made it.
class Service {
public:
    /// Fails with Code::config_invalid, Code::already_exists (the port is taken), Code::audit_unavailable,
    /// Code::unavailable or Code::io_failed.
    static Result<std::unique_ptr<Service>> start(const ServiceFiles& files, Config config,
                                                  Clock clock = system_clock());
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    unsigned short port() const;
    /// The port of [health] in ca.toml; 0 where there is none.
    unsigned short health_port() const;
    /// Reads the configuration again and puts in force what can change. A bad file leaves the old
    /// configuration in force.
    Result<void> reload();
    /// Closes the audit log's file and goes on in a new one, whatever its size. Blocks.
    void rotate_audit_log();
    /// Does what is due from time to time: renews the service's own certificate, cleans the store up, and
    /// warns each day where an issuing certificate ends within a month. Call it about every second.
    void tick();
    /// Returns whether every event loop has answered since the last call. The watchdog is fed by it.
    bool is_responsive();
    /// Stops accepting and waits for the requests that run, for `drain_timeout` at most. Returns true when
    /// nothing had to be cut.
    bool drain();

private:
    struct State;
    explicit Service(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace postern::ca
