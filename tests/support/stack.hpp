// The whole product on real parts: a CA service, a gateway and a PostgreSQL server of its own, and people
// with laptops.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/postgres_server.hpp"
#include "support/process.hpp"

namespace postern::test {

/// Returns the path of the built program of that name ("postern-ca").
std::filesystem::path program(std::string_view name);

struct StackOptions {
    /// Lines for [ca] of ca.toml, and for [gateway] and [limits] of gateway.toml. Each takes the place of the
    /// default line of the same key.
    std::string ca;
    std::string gateway;
    std::string limits;
    /// More tables at the end of gateway.toml, for example services and rules.
    std::string gateway_tables;
    /// More tables at the end of ca.toml.
    std::string ca_tables;
    /// Whether ca.toml lists the services of `gateway_tables` with their protocols, and orders-db where no
    /// PostgreSQL enrols.
    bool lists_services = true;
    bool with_postgres = true;
};

class Stack;

/// One person's laptop, with XDG folders of its own.
class Laptop {
public:
    /// `name` tells the laptops of a person with several apart.
    Laptop(const Stack& stack, std::string user, std::string_view name = {});

    /// Runs `postern login` with the user's password, or the given one, on standard input.
    ProcessResult login(std::string_view password = {}) const;
    ProcessResult postern(std::vector<std::string> arguments, ProcessOptions options = {},
                          std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;
    /// Returns the environment in which `postern` runs as on this laptop.
    ProcessOptions options() const;
    std::filesystem::path state() const { return folder_ / "state" / "postern"; }
    std::filesystem::path config() const { return folder_ / "config" / "postern"; }
    std::filesystem::path agent_socket() const { return folder_ / "run" / "postern" / "agent.sock"; }
    std::filesystem::path certificate() const { return state() / "login.pem"; }
    std::filesystem::path key() const { return state() / "login.key"; }
    const std::string& user() const noexcept { return user_; }

private:
    const Stack& stack_;
    std::string user_;
    std::filesystem::path folder_;
};

/// Returns the process id of the agent that serves the ports of a `postern connect --json`, which must have
/// reported them.
pid_t agent_pid_in(const Process& connect);

/// A running `postern connect`.
class Agent {
public:
    /// Serves `service` end to end, and passed through, on two free ports. `arguments` go to `connect` as
    /// well.
    Agent(const Laptop& laptop, std::vector<std::string> arguments = {}, std::string service = "orders-db");

    int port() const noexcept { return port_; }
    int passthrough_port() const noexcept { return passthrough_port_; }
    /// The command in the foreground, without which the ports close. The agent that serves them is another
    /// process.
    Process& process() noexcept { return process_; }
    pid_t agent_pid() const { return agent_pid_in(process_); }

private:
    int port_;
    int passthrough_port_;
    Process process_;
};

class Stack {
public:
    explicit Stack(const StackOptions& options = {});
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    const std::filesystem::path& folder() const noexcept { return folder_.path(); }
    std::filesystem::path ca_folder() const { return folder() / "ca"; }
    std::filesystem::path user_ca() const { return ca_folder() / "user-ca.pem"; }
    std::filesystem::path server_ca() const { return ca_folder() / "server-ca.pem"; }
    std::filesystem::path gateway_config() const { return folder() / "gateway" / "gateway.toml"; }
    std::filesystem::path audit_file() const { return folder() / "gateway" / "audit.jsonl"; }
    std::string ca_url() const;
    const std::string& fingerprint() const noexcept { return fingerprint_; }
    std::string gateway_address() const;
    int gateway_port() const noexcept { return gateway_port_; }
    PostgresServer& postgres() { return *postgres_; }
    Process& ca() { return *ca_; }
    Process& gateway() { return *gateway_; }

    void start_ca();
    void start_gateway();
    /// Ends the service as kill -9 does.
    void kill_ca();
    void kill_gateway();

    /// Runs `postern-ca --dir … ARGUMENTS`; throws unless it exits with 0.
    std::string ca_command(std::vector<std::string> arguments, std::string input = {}) const;
    /// Returns the password of a user that the stack makes: "<name>-ca-password".
    static std::string password_of(std::string_view user);

    /// Returns every audit record of the gateway so far.
    std::vector<nlohmann::json> records() const;
    /// Waits for a record with that event.action (and event.reason, if given) behind the first `after`
    /// records, and returns the newest. Throws when none comes.
    nlohmann::json wait_for_record(std::string_view action, std::string_view reason = {},
                                   std::size_t after = 0) const;
    /// Runs `postern-audit verify` on the gateway's log.
    ProcessResult verify_audit() const;

    /// Mints a certificate with the user CA's issuing key or another one
    /// (tests/support/mint_certificate.cpp). `arguments` are those of that program. Returns the certificate's
    /// path; the key lies beside it with the extension .key.
    std::filesystem::path mint(std::string_view name, std::vector<std::string> arguments) const;

private:
    void write_gateway_config(const StackOptions& options) const;

    TemporaryFolder folder_;
    int ca_port_;
    int gateway_port_;
    std::string fingerprint_;
    std::unique_ptr<Process> ca_;
    std::unique_ptr<PostgresServer> postgres_;
    std::unique_ptr<Process> gateway_;
};

/// Runs psql as a person does: without certificate options, with the user's database password. `statement`
/// goes to -c.
ProcessResult psql(int port, std::string_view statement, std::string_view user = "alice",
                   std::vector<std::string> more = {},
                   std::chrono::milliseconds timeout = std::chrono::seconds(60));
/// Returns the connection string for psql's own TLS through the passthrough port: sslmode=verify-full,
/// sslcert, sslkey.
std::string passthrough_dsn(const Stack& stack, const Laptop& laptop, int port,
                            std::string_view user = "alice");

}  // namespace postern::test
