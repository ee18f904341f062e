// The whole product on real parts: a CA service, a gateway and a PostgreSQL of their own, and people with
// laptops.
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

/// Where the built program of that name is ("postern-ca").
std::filesystem::path program(std::string_view name);

struct StackOptions {
    /// Lines for [ca] of ca.toml, and for [gateway], [limits] of gateway.toml; each in place of the default
    /// of the same key.
    std::string ca;
    std::string gateway;
    std::string limits;
    /// More tables at the end of gateway.toml, for example services and rules.
    std::string gateway_tables;
    /// More tables at the end of ca.toml.
    std::string ca_tables;
    /// Whether ca.toml lists what `gateway_tables` serves, by its protocol; and orders-db, where there is no
    /// PostgreSQL that enrols.
    bool lists_services = true;
    bool with_postgres = true;
};

class Stack;

/// One person's laptop: XDG folders of its own.
class Laptop {
public:
    /// People with more than one laptop name it.
    Laptop(const Stack& stack, std::string user, std::string_view name = {});

    /// `postern login` with the user's password on standard input.
    ProcessResult login(std::string_view password = {}) const;
    ProcessResult postern(std::vector<std::string> arguments, ProcessOptions options = {},
                          std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;
    /// The environment that makes a `postern` of this laptop.
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

/// Of the agent that serves the ports of a `postern connect --json` which has told of them.
pid_t agent_pid_in(const Process& connect);

/// A running `postern connect`.
class Agent {
public:
    /// Serves orders-db end to end, and passed through, on two free ports. More arguments go to `connect`.
    Agent(const Laptop& laptop, std::vector<std::string> arguments = {}, std::string service = "orders-db");

    int port() const noexcept { return port_; }
    int passthrough_port() const noexcept { return passthrough_port_; }
    /// The command in the foreground, without which the ports close; the agent that serves them is another
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
    /// Ends it as kill -9 does.
    void kill_ca();
    void kill_gateway();

    /// `postern-ca --dir … ARGUMENTS`; throws unless it exits 0.
    std::string ca_command(std::vector<std::string> arguments, std::string input = {}) const;
    /// The password of every user that the stack makes: "<name>-ca-password".
    static std::string password_of(std::string_view user);

    /// Every audit record of the gateway so far.
    std::vector<nlohmann::json> records() const;
    /// The newest record with that event.action (and event.reason, if given); waits for it. Throws when none
    /// comes.
    nlohmann::json wait_for_record(std::string_view action, std::string_view reason = {},
                                   std::size_t after = 0) const;
    /// `postern-audit verify` of the gateway's log.
    ProcessResult verify_audit() const;

    /// A certificate minted with the user CA's issuing key, or another (tests/support/mint_certificate.cpp):
    /// arguments as that program takes them. Returns the certificate's path; the key lies beside it with the
    /// extension .key.
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

/// psql as a person runs it: no certificate flag, alice's database password. `statement` goes to -c.
ProcessResult psql(int port, std::string_view statement, std::string_view user = "alice",
                   std::vector<std::string> more = {},
                   std::chrono::milliseconds timeout = std::chrono::seconds(60));
/// The environment and arguments of psql's own TLS through the passthrough port: sslmode=verify-full,
/// sslcert, sslkey.
std::string passthrough_dsn(const Stack& stack, const Laptop& laptop, int port,
                            std::string_view user = "alice");

}  // namespace postern::test
