// postern-ca serve: from files to a running service and back. Owns the threads.
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

/// Everything that serves, started and listening. One thread drives it: the one that made it.
class Service {
public:
    /// Code::config_invalid, already_exists (the port is taken), audit_unavailable, unavailable or io_failed.
    static Result<std::unique_ptr<Service>> start(const ServiceFiles& files, Config config,
                                                  Clock clock = system_clock());
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    unsigned short port() const;
    /// Of [health]; 0 where there is none.
    unsigned short health_port() const;
    /// Reads the configuration again and puts in force what can change; a bad file keeps the old one.
    Result<void> reload();
    /// Closes the audit log's file and goes on in a new one, whatever its size. Blocking.
    void rotate_audit_log();
    /// What is due from time to time: the service's own certificate, tidying the store, a warning each day
    /// where an issuing certificate ends within a month.
    void tick();
    /// Whether every event loop has answered since the last call: what the watchdog is told.
    bool is_responsive();
    /// Stops accepting, lets running requests end. Whether nothing had to be cut.
    bool drain();

private:
    struct State;
    explicit Service(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace postern::ca
