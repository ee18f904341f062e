// The whole gateway in the test's process, over real TLS, with a stand-in for the CA service.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gateway/server/server.hpp"
#include "http/https_service.hpp"
#include "support/echo_server.hpp"
#include "support/odd_certificates.hpp"
#include "unit/gateway_visitor.hpp"

namespace postern::gateway {

SystemTime real_now();

class GatewayFixture : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// Writes the configuration, starts, and waits until the gateway has a CRL. `tables`: services with their
    /// rules; `limits`: lines for [limits], in place of the default of the same key.
    void start(const std::string& tables, const std::string& limits = {});
    void write_config(const std::string& tables, const std::string& limits = {}) const;
    static std::string service(const std::string& name, unsigned short port,
                               const std::string& protocol = "tcp");
    static std::string rule(const std::string& name);
    net::TlsCredentials server_credentials(const std::string& path) const;
    void write_server(const std::string& name, const std::string& path) const;
    unsigned short port() const { return server_->ports().front(); }
    unsigned short echo_port() const { return static_cast<unsigned short>(echo_.port()); }
    /// The gateway's clock: the real one, so many seconds ahead.
    SystemTime gateway_now() const { return real_now() + std::chrono::seconds(clock_ahead_.load()); }

    /// On the CA's next CRL, which the gateway asks for ten times a second.
    void revoke(const pki::Certificate& certificate, pki::RevocationReason reason);

    ClientContext client(const pki::KeyAndCertificate& leaf) const;
    ClientContext client(const std::string& name) const { return client(mint(name)); }
    pki::KeyAndCertificate mint(
        const std::string& name,
        const std::function<void(test::OddProfile&)>& bend = [](test::OddProfile&) {}) const;

    /// Every audit record since start().
    std::vector<nlohmann::json> records() const;
    /// How many of them have that event.action, event.reason and connection id; what is empty fits all.
    std::size_t count(const std::string& action, const std::string& reason = {},
                      const std::string& id = {}) const;
    /// The first of them; waits for it.
    nlohmann::json wait_for(const std::string& action, const std::string& reason = {},
                            const std::string& id = {}) const;

    std::filesystem::path folder_;
    std::optional<test::Authority> user_ca_;
    std::optional<test::Authority> server_ca_;
    std::atomic<std::int64_t> clock_ahead_ = 0;
    test::EchoServer echo_;
    std::unique_ptr<Server> server_;
    /// While it is set, the CA takes requests and does not answer them.
    std::atomic<bool> is_ca_holding_ = false;
    /// How many requests wait for their answer.
    std::atomic<int> held_ = 0;
    /// The CA's clock: the real one, so many seconds ahead; and how long its CRLs last.
    std::atomic<std::int64_t> ca_ahead_ = 0;
    std::atomic<std::int64_t> crl_seconds_ = 24 * 3600;
    /// How often the gateway has asked the CA for its CRL, and how often for the whole of it.
    std::atomic<int> crl_questions_ = 0;
    std::atomic<int> complete_questions_ = 0;
    /// How many of them by somebody who showed the certificate of a gateway.
    std::atomic<int> gateway_questions_ = 0;
    /// To be set before SetUp(): whether the CA takes such certificates.
    bool ca_knows_gateways_ = true;
    /// Whether the CA knows what changed from one CRL to the next; without it there are whole ones alone.
    std::atomic<bool> has_changes_ = true;
    /// Lines for [gateway], to be set before start().
    std::string more_gateway_;
    /// The same for [ca].
    std::string more_ca_;

private:
    void start_ca();
    static boost::asio::awaitable<http::Response> answer_ca(GatewayFixture* test, std::string target);
    http::Response complete_crl();
    http::Response crl_changes(std::uint64_t after);
    std::vector<nlohmann::json> all_records() const;

    std::mutex crl_mutex_;
    std::uint64_t crl_number_ = 1;
    std::vector<pki::RevokedSerial> revoked_;
    std::size_t records_before_ = 0;
    std::unique_ptr<net::EventLoops> ca_loops_;
    std::unique_ptr<http::HttpsService> ca_;
};

}  // namespace postern::gateway
