// The commands of `postern`. Each returns the exit code of the process: 0 success, 1 failure, 2 usage, 3
// configuration, 4 not authenticated or denied, 5 unreachable.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "client-proxy/login/login_choice.hpp"

namespace postern::client {

/// How to log in, and whether the person may be asked.
struct LoginOptions {
    /// When it is empty, the CA of config.toml is used, or else the one that is trusted already. At the first
    /// login the person is asked for it, and compares the fingerprint.
    std::string ca;
    std::string fingerprint;
    std::string user;
    bool takes_password_from_stdin = false;
    /// The first line of the file is the password. When it is empty, $CREDENTIALS_DIRECTORY/postern-password
    /// is used if it exists.
    std::string password_file;
    /// The person is never asked.
    bool is_non_interactive = false;
};
int log_in(const LoginOptions& options, bool as_json);
int log_out(bool as_json);
int show_status(bool as_json);
int show_services(bool as_json);
/// Prints only the names that this machine knows, for shell completion. Nothing is asked over the network.
int name_services();

struct ConnectOptions {
    /// Each is SERVICE or SERVICE:PORT. PostgreSQL services are opened end to end, others as passthrough.
    std::vector<std::string> services;
    std::vector<std::string> passthrough;
    LoginChoice files;
    LoginOptions login;
    bool as_json = false;
    bool admits_other_users = false;
    /// The ports stay open after the command has ended.
    bool is_background = false;
    /// Also write libpq's connection service file.
    bool writes_service_file = false;
    /// End the agent together with this command, for which alone it runs.
    bool owns_agent = false;
    /// The database for the connection lines. When it is empty, the one of the last time is used.
    std::string database;
    /// Wait while the CA service and the gateways cannot be reached yet.
    bool is_patient = false;
    /// The number of connections to the gateway that each event loop keeps ready for the ports. A negative
    /// number means the configured one.
    int warm = -1;
};
int connect(const ConnectOptions& options);
int disconnect(const std::string& service, bool as_json);

/// A program that finds the service through its environment: psql, or any other.
struct RunOptions {
    std::string service;
    std::vector<std::string> command;
    LoginChoice files;
    LoginOptions login;
    Inherited inherited;
    /// Set PGHOST to localhost, for programs that do not support Unix sockets.
    bool uses_tcp = false;
};
int run_with_service(const RunOptions& options);

struct WaitOptions {
    std::string service;
    /// When it is empty, the database that was used last is used, or else postgres.
    std::string database;
    /// A duration in the format of parse_duration().
    std::string timeout = "60s";
    bool as_json = false;
};
/// Waits until the service's port is open and its PostgreSQL answers. For a passthrough port the open port is
/// enough.
int wait_for_service(const WaitOptions& options);

struct DoctorOptions {
    /// When it is empty, no service is checked.
    std::string service;
    /// The database that the start-up asks for. When it is empty, the one that was used last is used, or else
    /// postgres.
    std::string database;
    /// The CA service to check before the first login. When it is empty, the one of config.toml is used.
    std::string ca;
    bool as_json = false;
};
int run_doctor(const DoctorOptions& options);

struct EventsOptions {
    /// When it is empty, the events of all services are shown.
    std::string service;
    /// A connection id. When it is set, the events of this connection are shown, with what its gateway says
    /// and where to look further.
    std::string connection;
    /// The most events to show; the newest are shown.
    std::size_t most = 50;
    bool as_json = false;
};
/// Prints the events that the agent has stored, the oldest first.
int show_events(const EventsOptions& options);

struct AgentCommandOptions {
    /// End when no client has needed the agent for a while.
    bool is_on_demand = false;
    /// A descriptor that is told when the agent serves, or why it cannot; -1 when there is none.
    int ready_fd = -1;
    /// End the running agent instead of starting one.
    bool stops = false;
};
int run_agent(const AgentCommandOptions& options);

/// Implements postern --explain: prints the meaning of a reason that a message, a log or --json names, or of
/// all reasons for "all".
int explain(const std::string& word);

}  // namespace postern::client
