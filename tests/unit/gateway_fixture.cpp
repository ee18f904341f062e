#include "base/json.hpp"
#include "unit/gateway_fixture.hpp"

#include <stdlib.h>

#include <fstream>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/log.hpp"

namespace postern::gateway {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

SystemTime real_now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void GatewayFixture::SetUp() {
    // Standard output belongs to the commands that are tested.
    ASSERT_TRUE(start_log("gateway_test"));
    std::string pattern = (fs::temp_directory_path() / "postern-gateway-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    user_ca_.emplace(test::make_authority("Users", real_now()));
    server_ca_.emplace(test::make_authority("Servers", real_now()));
    write_server("gateway", "gateway/gw1");
    std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem();
    std::ofstream(folder_ / "server-ca.pem") << server_ca_->bundle.pem();
    start_ca();
}

void GatewayFixture::TearDown() {
    is_ca_holding_ = false;
    server_.reset();
    ca_.reset();
    ca_loops_.reset();
    fs::remove_all(folder_);
}

net::TlsCredentials GatewayFixture::server_credentials(const std::string& path) const {
    test::OddProfile profile = test::login_profile("localhost", real_now());
    profile.groups.clear();
    profile.session_id.clear();
    profile.uris = {"spiffe://test.internal/" + path};
    profile.names = {"localhost", "127.0.0.1"};
    profile.usage = test::Usage::server_auth;
    const auto leaf = test::mint(profile, server_ca_->issuing).value();
    return net::TlsCredentials{leaf.key, {leaf.certificate, server_ca_->issuing.certificate}};
}

void GatewayFixture::write_server(const std::string& name, const std::string& path) const {
    const auto own = server_credentials(path);
    ASSERT_TRUE(own.key.save(folder_ / (name + ".key")));
    std::ofstream(folder_ / (name + ".pem")) << pki::to_pem(own.chain);
}

void GatewayFixture::start_ca() {
    ca_loops_ = std::make_unique<net::EventLoops>(1);
    auto listener = net::Listener::bind(net::Address{"127.0.0.1", "0", false});
    const auto tls = net::TlsContext::server(server_credentials("ca/ca1"), user_ca_->bundle,
                                             net::ClientCertificate::optional_and_maybe_expired,
                                             ca_knows_gateways_ ? &server_ca_->bundle : nullptr);
    const http::HttpsService::Handler handler =
        [this](http::Request request, http::ClientInfo client) -> boost::asio::awaitable<http::Response> {
        gateway_questions_ += client.peer.server_certificate ? 1 : 0;
        return answer_ca(this, std::string(request.target()));
    };
    ca_loops_->start();
    ca_ = std::make_unique<http::HttpsService>(*ca_loops_, std::move(*listener), tls.value(),
                                               http::HttpsLimits{}, handler, nullptr);
}

boost::asio::awaitable<http::Response> GatewayFixture::answer_ca(GatewayFixture* test, std::string target) {
    ++test->crl_questions_;
    if (test->is_ca_holding_) {
        ++test->held_;
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
        while (test->is_ca_holding_) {
            timer.expires_after(10ms);
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
        --test->held_;
    }
    const std::string changes = "/v1/crl/changes?after=";
    if (target.starts_with(changes)) {
        co_return test->crl_changes(std::stoull(target.substr(changes.size())));
    }
    co_return test->complete_crl();
}

http::Response GatewayFixture::complete_crl() {
    ++complete_questions_;
    http::Response response;
    response.result(200);
    response.set("Content-Type", "application/pkix-crl");
    const std::lock_guard lock(crl_mutex_);
    const SystemTime made_at = real_now() + std::chrono::seconds(ca_ahead_) - 1min;
    const SystemTime ends_at = made_at + std::chrono::seconds(crl_seconds_);
    response.set("ETag", fmt::format("\"{}\"", crl_number_));
    response.body() = user_ca_->issuer.issue_crl(crl_number_, made_at, ends_at, revoked_).value();
    return response;
}

/// Each revocation has made one list, the first of which was number 1.
http::Response GatewayFixture::crl_changes(std::uint64_t after) {
    http::Response response;
    const std::lock_guard lock(crl_mutex_);
    if (!has_changes_ || after == 0 || after > crl_number_) {
        response.result(404);
        return response;
    }
    response.result(after == crl_number_ ? 204 : 200);
    if (after < crl_number_) {
        const SystemTime made_at = real_now() + std::chrono::seconds(ca_ahead_) - 1min;
        const SystemTime ends_at = made_at + std::chrono::seconds(crl_seconds_);
        const std::vector<pki::RevokedSerial> since(revoked_.begin() + static_cast<std::ptrdiff_t>(after - 1),
                                                    revoked_.end());
        response.body() = user_ca_->issuer.issue_crl({crl_number_, made_at, ends_at, after}, since).value();
    }
    return response;
}

void GatewayFixture::revoke(const pki::Certificate& certificate, pki::RevocationReason reason) {
    const std::lock_guard lock(crl_mutex_);
    revoked_.push_back({certificate.serial(), real_now(), reason});
    ++crl_number_;
}

void GatewayFixture::start(const std::string& tables, const std::string& limits) {
    write_config(tables, limits);
    auto server = Server::start(folder_ / "gateway.toml", [this] { return gateway_now(); });
    ASSERT_TRUE(server) << server.error().detail;
    server_ = std::move(*server);
    int attempts = 0;
    ASSERT_TRUE(eventually([&] {
        // Each has a record of their own.
        Visitor visitor(port(), client("nobody" + std::to_string(++attempts)));
        return visitor.ask("GET /v1/services").status == 200;
    })) << "no CRL came";
    // Those who came before the CRL were refused, with a record each.
    records_before_ = all_records().size();
}

void GatewayFixture::write_config(const std::string& tables, const std::string& limits) const {
    // Far longer than anything takes here, so that a busy machine changes no verdict.
    std::string all = limits;
    for (const char* key : {"handshake_timeout", "request_timeout", "backend_timeout", "start_timeout"}) {
        if (limits.find(key) == std::string::npos) {
            all += fmt::format("{} = \"15s\"\n", key);
        }
    }
    std::ofstream(folder_ / "gateway.toml")
        << "[gateway]\nname = \"gw1\"\nlisten = [\"127.0.0.1:0\"]\nthreads = 2\n"
        << more_gateway_
        << "[tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\nuser_ca = \"user-ca.pem\"\n"
        << fmt::format("[ca]\nurl = \"https://localhost:{}\"\nserver_ca = \"server-ca.pem\"\n", ca_->port())
        << "trust_domain = \"test.internal\"\ncrl_refresh = \"100ms\"\n"
        << more_ca_ << "[limits]\n"
        << all << "[audit]\nfile = \"audit.jsonl\"\nkey = \"audit.key\"\n"
        << tables;
}

std::string GatewayFixture::service(const std::string& name, unsigned short port,
                                    const std::string& protocol) {
    return fmt::format("[[service]]\nname = \"{}\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"{}\"\n", name,
                       port, protocol);
}

std::string GatewayFixture::rule(const std::string& name) {
    return fmt::format("[[rule]]\nservices = [\"{}\"]\ngroups = [\"analysts\"]\n", name);
}

ClientContext GatewayFixture::client(const pki::KeyAndCertificate& leaf) const {
    return ClientContext({leaf.certificate, user_ca_->issuing.certificate}, leaf.key.get(),
                         server_ca_->bundle);
}

pki::KeyAndCertificate GatewayFixture::mint(const std::string& name,
                                            const std::function<void(test::OddProfile&)>& bend) const {
    test::OddProfile profile = test::login_profile(name, real_now());
    bend(profile);
    return test::mint(profile, user_ca_->issuing).value();
}

std::vector<nlohmann::json> GatewayFixture::all_records() const {
    std::vector<nlohmann::json> all;
    std::ifstream file(folder_ / "audit.jsonl");
    for (std::string line; std::getline(file, line);) {
        // Of a line that is being written a part may be seen.
        auto record = parse_json(line);
        if (!record.is_discarded()) {
            all.push_back(std::move(record));
        }
    }
    return all;
}

std::vector<nlohmann::json> GatewayFixture::records() const {
    auto all = all_records();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(records_before_));
    return all;
}

namespace {

bool is_it(const nlohmann::json& record, const std::string& action, const std::string& reason,
           const std::string& id) {
    return record["event"]["action"] == action &&
           (reason.empty() || record["event"].value("reason", "") == reason) &&
           (id.empty() || (record.contains("postern") && record["postern"].contains("connection") &&
                           record["postern"]["connection"].value("id", "") == id));
}

}  // namespace

std::size_t GatewayFixture::count(const std::string& action, const std::string& reason,
                                  const std::string& id) const {
    std::size_t found = 0;
    for (const auto& record : records()) {
        found += is_it(record, action, reason, id) ? 1 : 0;
    }
    return found;
}

nlohmann::json GatewayFixture::wait_for(const std::string& action, const std::string& reason,
                                        const std::string& id) const {
    EXPECT_TRUE(eventually([&] { return count(action, reason, id) > 0; })) << action << " " << reason;
    for (const auto& record : records()) {
        if (is_it(record, action, reason, id)) {
            return record;
        }
    }
    return nlohmann::json::object();
}

}  // namespace postern::gateway
