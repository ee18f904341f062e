#include "base/json.hpp"
#include "support/stack.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace postern::test {

namespace {

namespace fs = std::filesystem;

/// Returns `lines`, with the lines of `overrides` in place of those of the same key.
std::string merged(const std::string& lines, const std::string& overrides) {
    const auto key_of = [](const std::string& line) { return line.substr(0, line.find_first_of(" =")); };
    std::string text;
    std::istringstream given(lines);
    for (std::string line; std::getline(given, line);) {
        bool is_overridden = false;
        std::istringstream others(overrides);
        for (std::string other; std::getline(others, other);) {
            is_overridden = is_overridden || (!other.empty() && key_of(other) == key_of(line));
        }
        if (!is_overridden) {
            text += line + "\n";
        }
    }
    return text + overrides + "\n";
}

/// Returns tables of ca.toml that list the services of these tables of gateway.toml.
std::string listed(const std::string& gateway_tables) {
    std::string tables;
    std::istringstream lines(gateway_tables);
    bool is_service = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("[")) {
            is_service = line == "[[service]]";
        }
        if (is_service &&
            (line.starts_with("[") || line.starts_with("name") || line.starts_with("protocol"))) {
            tables += line + "\n";
        }
    }
    return tables;
}

}  // namespace

fs::path program(std::string_view name) {
    return fs::path(POSTERN_PROGRAMS) / name;
}

Laptop::Laptop(const Stack& stack, std::string user, std::string_view name)
    : stack_(stack),
      user_(std::move(user)),
      folder_(stack.folder() / fmt::format("laptop-{}{}", user_, name)) {
    fs::create_directories(folder_);
}

ProcessOptions Laptop::options() const {
    ProcessOptions options;
    options.environment = {{"XDG_STATE_HOME", folder_ / "state"},
                           {"XDG_CONFIG_HOME", folder_ / "config"},
                           {"XDG_RUNTIME_DIR", folder_ / "run"},
                           {"HOME", folder_},
                           {"USER", user_}};
    return options;
}

ProcessResult Laptop::login(std::string_view password) const {
    ProcessOptions with_password = options();
    with_password.input = (password.empty() ? Stack::password_of(user_) : std::string(password)) + "\n";
    return run({program("postern"), "login", "--ca", stack_.ca_url(), "--fingerprint", stack_.fingerprint(),
                "--user", user_, "--password-stdin"},
               with_password);
}

ProcessResult Laptop::postern(std::vector<std::string> arguments, ProcessOptions more,
                              std::chrono::milliseconds timeout) const {
    ProcessOptions all = options();
    all.environment.merge(more.environment);
    all.input = more.input;
    arguments.insert(arguments.begin(), program("postern"));
    return run(std::move(arguments), all, timeout);
}

Agent::Agent(const Laptop& laptop, std::vector<std::string> arguments, std::string service)
    : port_(free_port()), passthrough_port_(free_port()), process_([&] {
          std::vector<std::string> command{program("postern"),
                                           "connect",
                                           fmt::format("{}:{}", service, port_),
                                           "--passthrough",
                                           fmt::format("{}:{}", service, passthrough_port_),
                                           "--json"};
          command.insert(command.end(), arguments.begin(), arguments.end());
          return Process(std::move(command), laptop.options());
      }()) {
    process_.wait_for_out(fmt::format("{}", port_));
    process_.wait_for_out(fmt::format("{}", passthrough_port_));
}

pid_t agent_pid_in(const Process& connect) {
    std::istringstream out(connect.out());
    for (std::string line; std::getline(out, line);) {
        const auto told = parse_json(line);
        if (told.is_object() && told.contains("agent_pid")) {
            return told["agent_pid"];
        }
    }
    throw std::runtime_error("no agent is told of: " + connect.out());
}

Stack::Stack(const StackOptions& options) : ca_port_(free_port()), gateway_port_(free_port()) {
    run({"true"});
    const std::string listen = fmt::format("127.0.0.1:{}", ca_port_);
    ca_command({"init", "--name", "localhost", "--name", "127.0.0.1", "--trust-domain", "example.org",
                "--listen", listen});
    const std::string ca_lines = fmt::format(
        "listen = \"{}\"\nnames = [\"localhost\", \"127.0.0.1\"]\ntrust_domain = \"example.org\"\n", listen);
    std::ofstream(ca_folder() / "ca.toml")
        << "[ca]\n"
        << merged(ca_lines, options.ca)
        << fmt::format("[[gateway]]\nname = \"gw1\"\naddress = \"{}\"\n", gateway_address())
        << (options.lists_services ? listed(options.gateway_tables) : "")
        << (options.lists_services && !options.with_postgres ? "[[service]]\nname = \"orders-db\"\n" : "")
        << options.ca_tables;
    fingerprint_ = ca_command({"fingerprint"});
    while (fingerprint_.ends_with('\n')) {
        fingerprint_.pop_back();
    }
    for (const auto& [user, group] : {std::pair{"alice", "analysts"},
                                      {"bob", "analysts"},
                                      {"carol", "analysts"},
                                      {"mallory", "visitors"}}) {
        const std::string password = password_of(user) + "\n";
        ca_command({"user", "add", user, "--group", group, "--password-stdin"}, password);
    }
    start_ca();

    const fs::path postgres = folder() / "postgres-tls";
    fs::create_directories(postgres);
    if (options.with_postgres) {
        const std::string token = ca_command({"token", "create", "--service", "orders-db", "--dns",
                                              "localhost", "--dns", "127.0.0.1", "--json"});
        ca_command(
            {"enroll", "--ca", ca_url(), "--fingerprint", fingerprint_, "--out-cert", postgres / "server.pem",
             "--out-key", postgres / "server.key", "--out-user-ca", postgres / "user-ca.pem"},
            parse_json(token).at("token"));
        postgres_ = std::make_unique<PostgresServer>(
            folder() / "postgres",
            PostgresFiles{postgres / "server.pem", postgres / "server.key", postgres / "user-ca.pem"});
    }

    fs::create_directories(folder() / "gateway");
    write_gateway_config(options);
    const std::string token = ca_command(
        {"token", "create", "--gateway", "gw1", "--dns", "localhost", "--dns", "127.0.0.1", "--json"});
    ProcessOptions with_token;
    with_token.input = parse_json(token).at("token");
    const ProcessResult enrolled = run({program("postern-gateway"), "enroll", "--config", gateway_config(),
                                        "--ca", ca_url(), "--fingerprint", fingerprint_},
                                       with_token);
    if (enrolled.exit_code != 0) {
        throw std::runtime_error("postern-gateway enroll failed: " + enrolled.out + enrolled.err);
    }
    start_gateway();
}

Stack::~Stack() {
    if (gateway_) {
        gateway_->stop(std::chrono::seconds(3));
    }
    if (ca_) {
        ca_->stop(std::chrono::seconds(3));
    }
}

std::string Stack::ca_url() const {
    return fmt::format("https://localhost:{}", ca_port_);
}

std::string Stack::gateway_address() const {
    return fmt::format("localhost:{}", gateway_port_);
}

void Stack::write_gateway_config(const StackOptions& options) const {
    const std::string backend =
        postgres_ ? fmt::format("127.0.0.1:{}", postgres_->port()) : std::string("127.0.0.1:1");
    std::ofstream(gateway_config())
        << "[gateway]\n"
        << merged(fmt::format("name = \"gw1\"\nlisten = [\"127.0.0.1:{}\"]\n", gateway_port_),
                  options.gateway)
        << "[tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\nuser_ca = \"user-ca.pem\"\n"
        << fmt::format(
               "[ca]\nurl = \"{}\"\nserver_ca = \"server-ca.pem\"\ntrust_domain = "
               "\"example.org\"\ncrl_refresh = \"500ms\"\n",
               ca_url())
        << "[limits]\n"
        << options.limits << "\n[audit]\nfile = \"audit.jsonl\"\nkey = \"audit.key\"\n"
        << fmt::format("[[service]]\nname = \"orders-db\"\nbackend = \"{}\"\n", backend)
        << "[[rule]]\nservices = [\"orders-db\"]\ngroups = [\"analysts\"]\n"
        << options.gateway_tables;
}

void Stack::start_ca() {
    ca_ = std::make_unique<Process>(
        std::vector<std::string>{program("postern-ca"), "--dir", ca_folder(), "serve"});
    const bool is_up = eventually([&] {
        return run({"curl", "-s", "-o", "/dev/null", "--cacert", server_ca(), ca_url() + "/v1/health"})
                       .exit_code == 0 ||
               !ca_->is_running();
    });
    if (!is_up || !ca_->is_running()) {
        throw std::runtime_error("postern-ca did not start: " + ca_->err());
    }
}

void Stack::start_gateway() {
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{program("postern-gateway"), "serve", "--config", gateway_config()});
    const bool is_up = eventually([&] {
        // Any TLS answer will do: it refuses this client, which has no certificate.
        const ProcessResult outcome = run({"openssl", "s_client", "-connect", gateway_address(), "-brief"},
                                          {}, std::chrono::seconds(5));
        return outcome.err.find("TLSv1.3") != std::string::npos || !gateway_->is_running();
    });
    if (!is_up || !gateway_->is_running()) {
        throw std::runtime_error("postern-gateway did not start: " + gateway_->err());
    }
}

void Stack::kill_ca() {
    ca_->signal(SIGKILL);
    ca_->wait(std::chrono::seconds(5));
    ca_.reset();
}

void Stack::kill_gateway() {
    gateway_->signal(SIGKILL);
    gateway_->wait(std::chrono::seconds(5));
    gateway_.reset();
}

std::string Stack::ca_command(std::vector<std::string> arguments, std::string input) const {
    std::vector<std::string> command{program("postern-ca"), "--dir", ca_folder()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    ProcessOptions options;
    options.input = std::move(input);
    const ProcessResult outcome = run(command, options);
    if (outcome.exit_code != 0) {
        throw std::runtime_error(fmt::format("{} failed ({}): {}{}", fmt::join(command, " "),
                                             outcome.exit_code, outcome.out, outcome.err));
    }
    return outcome.out;
}

std::string Stack::password_of(std::string_view user) {
    return fmt::format("{}-ca-password", user);
}

std::vector<nlohmann::json> Stack::records() const {
    std::vector<nlohmann::json> found;
    std::ifstream file(audit_file());
    for (std::string line; std::getline(file, line);) {
        auto record = parse_json(line);
        if (!record.is_discarded()) {
            found.push_back(std::move(record));
        }
    }
    return found;
}

nlohmann::json Stack::wait_for_record(std::string_view action, std::string_view reason,
                                      std::size_t after) const {
    nlohmann::json newest;
    const bool has_come = eventually([&] {
        const auto all = records();
        for (std::size_t i = all.size(); i > after; --i) {
            const auto& event = all[i - 1].at("event");
            if (event.value("action", "") == action &&
                (reason.empty() || event.value("reason", "") == reason)) {
                newest = all[i - 1];
                return true;
            }
        }
        return false;
    });
    if (!has_come) {
        std::string all;
        for (const auto& record : records()) {
            all += json_text(record) + "\n";
        }
        throw std::runtime_error(fmt::format("no audit record {} {} among:\n{}", action, reason, all));
    }
    return newest;
}

ProcessResult Stack::verify_audit() const {
    return run({program("postern-audit"), "verify", audit_file()});
}

fs::path Stack::mint(std::string_view name, std::vector<std::string> arguments) const {
    const fs::path certificate = folder() / fmt::format("{}.pem", name);
    fs::path key = certificate;
    key.replace_extension(".key");
    std::vector<std::string> command{program("mint-certificate")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    command.insert(command.end(), {"--out-cert", certificate, "--out-key", key});
    const ProcessResult outcome = run(command);
    if (outcome.exit_code != 0) {
        throw std::runtime_error(fmt::format("{} failed: {}", fmt::join(command, " "), outcome.err));
    }
    return certificate;
}

ProcessResult psql(int port, std::string_view statement, std::string_view user, std::vector<std::string> more,
                   std::chrono::milliseconds timeout) {
    std::vector<std::string> command{
        "psql", "-X",     "-h", "localhost",       "-p",   std::to_string(port),  "-U", std::string(user),
        "-d",   "orders", "-v", "ON_ERROR_STOP=1", "-Atc", std::string(statement)};
    command.insert(command.end(), more.begin(), more.end());
    ProcessOptions options;
    options.environment = {{"PGPASSWORD", fmt::format("{}-password", user)}, {"PGSSLMODE", ""}};
    return run(std::move(command), options, timeout);
}

std::string passthrough_dsn(const Stack& stack, const Laptop& laptop, int port, std::string_view user) {
    return fmt::format(
        "host=orders-db.service.example.org hostaddr=127.0.0.1 port={} user={} dbname=orders "
        "password={}-password sslmode=verify-full "
        "sslrootcert={} sslcert={} "
        "sslkey={}",
        port, user, user, stack.server_ca().string(), laptop.certificate().string(), laptop.key().string());
}

}  // namespace postern::test
