// The commands of `postern`. Each returns the process's exit code: 0 ok, 1 failed, 2 usage, 3 configuration,
// 4 not authenticated or denied, 5 unreachable.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace postern::client {

struct LoginOptions {
    /// Empty: as the last time.
    std::string ca;
    std::string fingerprint;
    std::string user;
    bool takes_password_from_stdin = false;
};
int log_in(const LoginOptions& options);
int log_out();
int show_status(bool as_json);
int show_services(bool as_json);

/// Which login a connecting command shows: the profile's, or given files.
struct LoginChoice {
    std::string certificate;
    std::string key;
    /// With files, and instead of what the profile says: for machines on which nobody logs in.
    std::string server_ca;
    std::string trust_domain;
    /// NAME=HOST:PORT
    std::vector<std::string> gateways;

    bool has_files() const noexcept { return !certificate.empty() || !key.empty(); }
};

struct ConnectOptions {
    /// SERVICE or SERVICE:PORT.
    std::vector<std::string> end_to_end;
    std::vector<std::string> passthrough;
    LoginChoice login;
    bool as_json = false;
    bool admits_other_users = false;
};
int connect(const ConnectOptions& options);

struct PsqlOptions {
    std::string service;
    std::vector<std::string> arguments;
    LoginChoice login;
    /// The umask that psql is to run with.
    mode_t umask = 022;
};
int run_psql(const PsqlOptions& options);

}  // namespace postern::client
