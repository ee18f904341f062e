// The commands of `postern`. Each returns the process's exit code: 0 ok, 1 failed, 2 usage, 3 configuration,
// 4 not authenticated or denied, 5 unreachable.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "client-proxy/login/login_choice.hpp"

namespace postern::client {

/// How the person, or who stands in for one, is asked.
struct LoginOptions {
    /// Empty: as the last time; the first time the person is asked, and compares the fingerprint.
    std::string ca;
    std::string fingerprint;
    std::string user;
    bool takes_password_from_stdin = false;
    /// Its first line is the password. Empty: $CREDENTIALS_DIRECTORY/postern-password, where that is.
    std::string password_file;
    /// Never asks anything.
    bool is_non_interactive = false;
};
int log_in(const LoginOptions& options, bool as_json);
int log_out(bool as_json);
int show_status(bool as_json);
int show_services(bool as_json);
/// The names alone, as far as this machine knows them: for shells. Asks nothing over the network.
int name_services();

struct ConnectOptions {
    /// SERVICE or SERVICE:PORT: end to end where it is PostgreSQL, else passed through.
    std::vector<std::string> services;
    std::vector<std::string> passthrough;
    LoginChoice files;
    LoginOptions login;
    bool as_json = false;
    bool admits_other_users = false;
    /// Ports stay open after the command.
    bool is_background = false;
    /// Also writes libpq's connection service file.
    bool writes_service_file = false;
    /// Ends the agent with itself: the agent is there for this command alone.
    bool owns_agent = false;
    /// Of libpq, for the lines to paste; empty: as the last time.
    std::string database;
    /// Waits for the CA service and the gateways where they cannot be reached yet.
    bool is_patient = false;
    /// Connections to the gateway that are kept ready for it, on each event loop; less than 0: as configured.
    int warm = -1;
};
int connect(const ConnectOptions& options);
int disconnect(const std::string& service, bool as_json);

/// A program that finds the service in its environment: psql, or any other.
struct RunOptions {
    std::string service;
    std::vector<std::string> command;
    LoginChoice files;
    LoginOptions login;
    Inherited inherited;
    /// PGHOST is localhost, for programs that know no Unix socket.
    bool uses_tcp = false;
};
int run_with_service(const RunOptions& options);

struct WaitOptions {
    std::string service;
    /// Empty: the one that was used last, else postgres.
    std::string database;
    /// As parse_duration() takes it.
    std::string timeout = "60s";
    bool as_json = false;
};
/// Until the service's port is open and its PostgreSQL answers.
int wait_for_service(const WaitOptions& options);

struct DoctorOptions {
    /// Empty: everything but a service.
    std::string service;
    /// Asked for in PostgreSQL's start-up; empty: the one that was used last, else postgres.
    std::string database;
    /// Before the first login: which CA service to look at; empty: that of config.toml.
    std::string ca;
    bool as_json = false;
};
int run_doctor(const DoctorOptions& options);

struct EventsOptions {
    /// Empty: of all.
    std::string service;
    /// A connection's id: what is known of it here, what its gateway says, and where to look on.
    std::string connection;
    /// The newest.
    std::size_t most = 50;
    bool as_json = false;
};
/// What the agent has noted, the oldest first.
int show_events(const EventsOptions& options);

struct AgentCommandOptions {
    /// Ends when nobody has needed it for a while.
    bool is_on_demand = false;
    /// Told when it serves; -1: nobody.
    int ready_fd = -1;
    /// Ends the one that runs instead.
    bool stops = false;
};
int run_agent(const AgentCommandOptions& options);

/// postern --explain: what a reason means that a message, a log or --json names; "all" of them.
int explain(const std::string& word);

}  // namespace postern::client
