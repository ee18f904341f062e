#include "support/postgres_server.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/unique_fd.hpp"

namespace postern::test {

namespace {

namespace fs = std::filesystem;

const fs::path kPrograms = "/usr/lib/postgresql/15/bin";

/// Returns options to run as postgres: PostgreSQL refuses to run as root, and refuses a key that others own.
ProcessOptions as_postgres() {
    ProcessOptions options;
    options.user = "postgres";
    options.folder = "/";
    return options;
}

void hand_to_postgres(const fs::path& path) {
    if (::geteuid() != 0) {
        return;
    }
    const passwd* user = ::getpwnam("postgres");
    if (user == nullptr || ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
        throw std::runtime_error("cannot hand " + path.string() + " to the user postgres");
    }
}

void must(std::vector<std::string> command) {
    const ProcessResult outcome = run(std::move(command), as_postgres());
    if (outcome.exit_code != 0) {
        throw std::runtime_error("PostgreSQL set-up failed: " + outcome.out + outcome.err);
    }
}

const std::vector<std::string> kInitOptions{"-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"};
constexpr const char* kRoles =
    "create role alice login password 'alice-password'; create role bob login password 'bob-password';"
    "create role carol login; create role mallory login password 'mallory-password';"
    "grant all on schema public to public; grant pg_monitor, pg_signal_backend to alice";

/// The cluster that all servers begin with a copy of. It is made once, in the build folder, because a new
/// cluster takes longer than most cases. No server runs on it. Its name changes with what it is made of.
const fs::path kTemplate =
    fs::path(POSTERN_TEST_CACHE) /
    fmt::format("postgres-cluster-{:x}",
                std::hash<std::string>()(fmt::format("{} {} {}", kPrograms.string(), fmt::join(kInitOptions, " "), kRoles)));

/// Other test programs wait while the lock lives.
UniqueFd lock_template() {
    fs::create_directories(kTemplate.parent_path());
    const std::string path = kTemplate.string() + ".lock";
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) {
        throw std::runtime_error("cannot lock " + path + ": " + std::strerror(errno));
    }
    return lock;
}

/// Copies a cluster with its owner, who is another user where root runs the tests.
void copy_cluster(const fs::path& from, const fs::path& to) {
    const ProcessResult copied = run({"cp", "-a", from, to});
    if (copied.exit_code != 0) {
        throw std::runtime_error("cannot copy the cluster: " + copied.err);
    }
}

}  // namespace

PostgresServer::PostgresServer(const fs::path& folder, const PostgresFiles& files)
    : folder_(folder), port_(free_port()) {
    fs::create_directories(folder_);
    hand_to_postgres(folder_);
    {
        const UniqueFd lock = lock_template();
        if (!fs::exists(kTemplate)) {
            make_template();
        }
        copy_cluster(kTemplate, folder_ / "data");
    }
    for (const auto& [from, name] :
         {std::pair{files.certificate, "server.pem"}, std::pair{files.key, "server.key"},
          std::pair{files.user_ca, "user-ca.pem"}}) {
        const fs::path to = folder_ / name;
        fs::copy_file(from, to, fs::copy_options::overwrite_existing);
        fs::permissions(to, fs::perms(0600));
        hand_to_postgres(to);
    }
    std::ofstream(folder_ / "data" / "postgresql.conf", std::ios::app) << fmt::format(
        R"(
listen_addresses = '127.0.0.1'
port = {}
unix_socket_directories = '{}'
max_connections = {}
shared_buffers = 64MB
fsync = off
log_min_messages = warning
log_connections = on
client_connection_check_interval = 500ms
ssl = on
ssl_cert_file = '{}/server.pem'
ssl_key_file = '{}/server.key'
ssl_ca_file = '{}/user-ca.pem'
)",
        port_, folder_.string(), kMaxConnections, folder_.string(), folder_.string(), folder_.string());
    std::ofstream(folder_ / "data" / "pg_hba.conf")
        << "local all postgres trust\n"
           "hostssl all carol all cert\n"
           "hostssl all all all scram-sha-256 clientcert=verify-full\n"
           "hostssl replication all all scram-sha-256 clientcert=verify-full\n";
    start();
}

void PostgresServer::make_template() {
    const fs::path made = folder_ / "new";
    std::vector<std::string> initdb{kPrograms / "initdb", "-D", made};
    initdb.insert(initdb.end(), kInitOptions.begin(), kInitOptions.end());
    must(std::move(initdb));
    start_on(made, {"-c", "listen_addresses=", "-c", "unix_socket_directories=" + folder_.string(), "-p", std::to_string(port_)});
    sql("create database orders", "postgres");
    sql(kRoles, "orders");
    if (!stop()) {
        throw std::runtime_error("the cluster that all others are copies of was not shut down in order");
    }
    const fs::path whole = kTemplate.string() + ".new";
    fs::remove_all(whole);
    copy_cluster(made, whole);
    fs::rename(whole, kTemplate);
    fs::remove_all(made);
}

PostgresServer::~PostgresServer() {
    if (server_) {
        stop();
    }
}

void PostgresServer::start() {
    start_on(folder_ / "data", {});
}

void PostgresServer::start_on(const fs::path& data, std::vector<std::string> options) {
    options.insert(options.begin(), {kPrograms / "postgres", "-D", data});
    server_ = std::make_unique<Process>(std::move(options), as_postgres());
    const bool is_ready = eventually(
        [this] {
            return run({kPrograms / "pg_isready", "-q", "-h", folder_, "-p", std::to_string(port_)})
                       .exit_code == 0;
        },
        std::chrono::seconds(30));
    if (!is_ready) {
        throw std::runtime_error("PostgreSQL did not start: " + server_->err());
    }
}

bool PostgresServer::stop() {
    server_->signal(SIGINT);  // fast shutdown: sessions are ended, nothing is lost
    const bool is_clean = server_->wait(std::chrono::seconds(15)) == 0;
    if (!is_clean) {
        server_->signal(SIGQUIT);
        server_->wait(std::chrono::seconds(5));
    }
    server_.reset();
    return is_clean;
}

std::string PostgresServer::sql(std::string_view statement, std::string_view database) const {
    const ProcessResult outcome =
        run({kPrograms / "psql", "-X", "-h", folder_, "-p", std::to_string(port_), "-U", "postgres", "-d",
             std::string(database), "-v", "ON_ERROR_STOP=1", "-Atc", std::string(statement)});
    if (outcome.exit_code != 0) {
        throw std::runtime_error(fmt::format("'{}' failed: {}", statement, outcome.err));
    }
    std::string rows = outcome.out;
    while (rows.ends_with('\n')) {
        rows.pop_back();
    }
    return rows;
}

}  // namespace postern::test
