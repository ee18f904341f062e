// A throwaway PostgreSQL 15 that accepts nothing but TLS with client certificates.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/process.hpp"

namespace postern::test {

struct PostgresFiles {
    /// The server's certificate chain and key (PEM), and the CA that issues the users' certificates.
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::filesystem::path user_ca;
};

/// A running server. Its users are `alice`, `bob` and `mallory` (SCRAM, password "<name>-password") and
/// `carol` (method cert), its database is `orders`. The superuser is `postgres`, through the Unix socket
/// only.
class PostgresServer {
public:
    static constexpr int kMaxConnections = 600;

    PostgresServer(const std::filesystem::path& folder, const PostgresFiles& files);
    ~PostgresServer();

    int port() const noexcept { return port_; }
    pid_t pid() const noexcept { return server_->pid(); }
    /// Runs SQL as the superuser over the Unix socket, and returns the rows as psql -At prints them. Throws
    /// on an error.
    std::string sql(std::string_view statement, std::string_view database = "orders") const;
    std::string log() const { return server_->err(); }
    /// Stops the server. Returns whether it was shut down in order.
    bool stop();
    void start();

private:
    void make_template();
    void start_on(const std::filesystem::path& data, std::vector<std::string> options);

    std::filesystem::path folder_;
    int port_ = 0;
    std::unique_ptr<Process> server_;
};

}  // namespace postern::test
