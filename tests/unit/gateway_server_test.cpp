// The whole gateway in this process, over real TLS, with a stand-in for the CA service and small backends.
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/unique_fd.hpp"
#include "gateway/server.hpp"
#include "http/https_service.hpp"
#include "support/echo_server.hpp"
#include "support/odd_certificates.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::Authority;
using test::OddProfile;
using testing::HasSubstr;

SystemTime real_now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

bool eventually(const std::function<bool()>& claim, std::chrono::milliseconds patience = 8s) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!claim()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

UniqueFd connect_to(unsigned short port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
}

/// A listening socket that nobody accepts from: the kernel does, and nothing ever answers. With `answer`, a
/// thread accepts, reads eight bytes and sends it.
class SmallBackend {
public:
    explicit SmallBackend(std::string answer = {})
        : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
        ::listen(listener_.get(), 16);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        if (!answer_.empty()) {
            thread_ = std::thread([this] { serve(); });
        }
    }
    ~SmallBackend() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    SmallBackend(const SmallBackend&) = delete;
    SmallBackend& operator=(const SmallBackend&) = delete;
    unsigned short port() const { return port_; }

private:
    void serve() {
        while (true) {
            const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
            if (!peer) {
                return;
            }
            char request[8] = {};
            ::recv(peer.get(), request, sizeof request, MSG_WAITALL);
            ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
            // What comes after goes back.
            char block[4096];
            for (ssize_t got = 0; (got = ::recv(peer.get(), block, sizeof block, 0)) > 0;) {
                ::send(peer.get(), block, static_cast<std::size_t>(got), MSG_NOSIGNAL);
            }
        }
    }

    UniqueFd listener_;
    unsigned short port_ = 0;
    std::string answer_;
    std::thread thread_;
};

/// While it lives, no file of this process can be written beyond so many bytes.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limit{bytes, old_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &old_); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit old_{};
};

/// The settings of a plain OpenSSL client; without certificates it shows none.
class ClientContext {
public:
    ClientContext(const std::vector<pki::Certificate>& chain, EVP_PKEY* key,
                  const pki::TrustBundle& server_ca)
        : context_(SSL_CTX_new(TLS_client_method())) {
        if (!chain.empty()) {
            SSL_CTX_use_certificate(context_.get(), chain.front().get());
            SSL_CTX_use_PrivateKey(context_.get(), key);
            SSL_CTX_add1_chain_cert(context_.get(), chain.back().get());
        }
        SSL_CTX_set1_cert_store(context_.get(), server_ca.store());
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    SSL_CTX* get() const { return context_.get(); }

private:
    pki::SslCtxPtr context_;
};

/// A client with blocking TLS.
class Visitor {
public:
    Visitor(unsigned short port, const ClientContext& context)
        : fd_(connect_to(port)), ssl_(SSL_new(context.get())) {
        SSL_set_fd(ssl_.get(), fd_.get());
        is_greeted_ = SSL_connect(ssl_.get()) == 1;
    }
    bool is_greeted() const { return is_greeted_; }
    void send(std::string_view text) { SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())); }
    void shut_down() {
        SSL_shutdown(ssl_.get());
        ::shutdown(fd_.get(), SHUT_WR);
    }
    /// Up to `size` bytes; fewer at the end.
    std::string read(std::size_t size) {
        std::string all(size, '\0');
        std::size_t done = 0;
        while (done < size) {
            const int got = SSL_read(ssl_.get(), all.data() + done, static_cast<int>(size - done));
            if (got <= 0) {
                break;
            }
            done += static_cast<std::size_t>(got);
        }
        all.resize(done);
        return all;
    }
    std::string read_head() {
        std::string head;
        while (!head.ends_with("\r\n\r\n")) {
            const std::string one = read(1);
            if (one.empty()) {
                break;
            }
            head += one;
        }
        return head;
    }
    /// Head and body of an answer with Content-Length.
    struct Answer {
        unsigned status = 0;
        std::string head;
        std::string body;
        nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
        std::string field(const std::string& name) const {
            const auto at = head.find(name + ": ");
            return at == std::string::npos
                       ? std::string()
                       : head.substr(at + name.size() + 2, head.find("\r\n", at) - at - name.size() - 2);
        }
    };
    Answer answer() {
        Answer answer;
        answer.head = read_head();
        if (answer.head.size() > 12) {
            answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
        }
        const std::string length = answer.field("Content-Length");
        if (!length.empty()) {
            answer.body = read(std::stoul(length));
        }
        return answer;
    }
    Answer ask(const std::string& request_line, const std::string& fields = {},
               const std::string& early = {}) {
        send(request_line + " HTTP/1.1\r\nHost: gateway\r\n" + fields + "\r\n" + early);
        return answer();
    }
    bool is_closed() { return read(1).empty(); }

private:
    UniqueFd fd_;
    pki::SslPtr ssl_;
    bool is_greeted_ = false;
};

class GatewayServer : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "postern-gateway-test-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        user_ca_.emplace(test::make_authority("Users", real_now()));
        server_ca_.emplace(test::make_authority("Servers", real_now()));
        write_server("gateway", "gateway/gw1");
        std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem();
        std::ofstream(folder_ / "server-ca.pem") << server_ca_->bundle.pem();
        start_ca();
    }
    void TearDown() override {
        server_.reset();
        ca_.reset();
        fs::remove_all(folder_);
    }

    net::TlsCredentials server_credentials(const std::string& path) const {
        OddProfile profile = test::login_profile("localhost", real_now());
        profile.groups.clear();
        profile.session_id.clear();
        profile.uris = {"spiffe://test.internal/" + path};
        profile.names = {"localhost", "127.0.0.1"};
        profile.usage = test::Usage::server_auth;
        const auto leaf = test::mint(profile, server_ca_->issuing).value();
        return net::TlsCredentials{leaf.key, {leaf.certificate, server_ca_->issuing.certificate}};
    }
    void write_server(const std::string& name, const std::string& path) const {
        const auto own = server_credentials(path);
        ASSERT_TRUE(own.key.save(folder_ / (name + ".key")));
        std::ofstream(folder_ / (name + ".pem")) << pki::to_pem(own.chain);
    }

    void start_ca() {
        ca_loops_ = std::make_unique<net::EventLoops>(1);
        auto listener = net::Listener::bind(net::Address{"127.0.0.1", "0", false});
        const auto tls = net::TlsContext::server(server_credentials("ca/ca1"), user_ca_->bundle,
                                                 net::ClientCertificate::optional_and_maybe_expired);
        const http::HttpsService::Handler handler =
            [this](http::Request, http::ClientInfo) -> boost::asio::awaitable<http::Response> {
            return answer_ca(this);
        };
        ca_loops_->start();
        ca_ = std::make_unique<http::HttpsService>(*ca_loops_, std::move(*listener), tls.value(),
                                                   http::HttpsLimits{}, handler,
                                                   [](const http::RejectedConnection&) {});
    }
    static boost::asio::awaitable<http::Response> answer_ca(GatewayServer* test) {
        http::Response response;
        response.result(200);
        response.set("Content-Type", "application/pkix-crl");
        {
            const std::lock_guard lock(test->crl_mutex_);
            response.set("ETag", fmt::format("\"{}\"", test->crl_number_));
            response.body() =
                test->user_ca_->issuer
                    .issue_crl(test->crl_number_, real_now() - 1min, real_now() + 24h, test->revoked_)
                    .value();
        }
        co_return response;
    }
    void revoke(const pki::Certificate& certificate, pki::RevocationReason reason) {
        const std::lock_guard lock(crl_mutex_);
        revoked_.push_back({certificate.serial(), real_now(), reason});
        ++crl_number_;
    }

    /// More lines for [limits], and services with their rules.
    void start(const std::string& tables, const std::string& limits = {}) {
        write_config(tables, limits);
        auto server = Server::start(folder_ / "gateway.toml", [this] {
            return real_now() + std::chrono::seconds(clock_ahead_.load());
        });
        ASSERT_TRUE(server) << server.error().detail;
        server_ = std::move(*server);
        ASSERT_TRUE(eventually([&] {
            Visitor visitor(port(), client("nobody"));
            return visitor.ask("GET /v1/services").status == 200;
        })) << "no CRL came";
    }
    void write_config(const std::string& tables, const std::string& limits = {}) const {
        std::ofstream(folder_ / "gateway.toml")
            << "[gateway]\nname = \"gw1\"\nlisten = [\"127.0.0.1:0\"]\nthreads = 2\n"
            << "[tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\nuser_ca = \"user-ca.pem\"\n"
            << fmt::format("[ca]\nurl = \"https://localhost:{}\"\nserver_ca = \"server-ca.pem\"\n",
                           ca_->port())
            << "trust_domain = \"test.internal\"\ncrl_refresh = \"100ms\"\n"
            << "[limits]\nhandshake_timeout = \"1s\"\nrequest_timeout = \"1s\"\nbackend_timeout = \"500ms\"\n"
            << limits << "[audit]\nfile = \"audit.jsonl\"\nkey = \"audit.key\"\n"
            << tables;
    }
    static std::string service(const std::string& name, unsigned short port,
                               const std::string& protocol = "tcp") {
        return fmt::format("[[service]]\nname = \"{}\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"{}\"\n",
                           name, port, protocol);
    }
    static std::string rule(const std::string& name) {
        return fmt::format("[[rule]]\nservices = [\"{}\"]\ngroups = [\"analysts\"]\n", name);
    }
    unsigned short port() const { return server_->ports().front(); }

    ClientContext client(const pki::KeyAndCertificate& leaf) const {
        return ClientContext({leaf.certificate, user_ca_->issuing.certificate}, leaf.key.get(),
                             server_ca_->bundle);
    }
    ClientContext client(const std::string& name) const { return client(mint(name)); }
    pki::KeyAndCertificate mint(
        const std::string& name, const std::function<void(OddProfile&)>& bend = [](OddProfile&) {}) const {
        OddProfile profile = test::login_profile(name, real_now());
        bend(profile);
        return test::mint(profile, user_ca_->issuing).value();
    }

    std::vector<nlohmann::json> records() const {
        std::vector<nlohmann::json> all;
        std::ifstream file(folder_ / "audit.jsonl");
        for (std::string line; std::getline(file, line);) {
            all.push_back(nlohmann::json::parse(line));
        }
        return all;
    }
    std::size_t count(const std::string& action, const std::string& reason = {},
                      const std::string& id = {}) const {
        std::size_t found = 0;
        for (const auto& record : records()) {
            const bool is_it = record["event"]["action"] == action &&
                               (reason.empty() || record["event"].value("reason", "") == reason) &&
                               (id.empty() || record["postern"]["connection"].value("id", "") == id);
            found += is_it ? 1 : 0;
        }
        return found;
    }
    nlohmann::json wait_for(const std::string& action, const std::string& reason = {},
                            const std::string& id = {}) const {
        EXPECT_TRUE(eventually([&] { return count(action, reason, id) > 0; })) << action << " " << reason;
        for (const auto& record : records()) {
            if (record["event"]["action"] == action &&
                (reason.empty() || record["event"].value("reason", "") == reason) &&
                (id.empty() || record["postern"]["connection"].value("id", "") == id)) {
                return record;
            }
        }
        return {};
    }

    fs::path folder_;
    std::optional<Authority> user_ca_;
    std::optional<Authority> server_ca_;
    std::mutex crl_mutex_;
    std::uint64_t crl_number_ = 1;
    std::vector<pki::RevokedSerial> revoked_;
    std::atomic<std::int64_t> clock_ahead_ = 0;
    test::EchoServer echo_;
    std::unique_ptr<net::EventLoops> ca_loops_;
    std::unique_ptr<http::HttpsService> ca_;
    std::unique_ptr<Server> server_;

    unsigned short echo_port() const { return static_cast<unsigned short>(echo_.port()); }
};

TEST_F(GatewayServer, CarriesBytesAfterTheRecordAndClosesWithOne) {
    start(service("echo", echo_port()) + rule("echo"));
    std::string id;
    {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT echo:7", {}, "early ");
        EXPECT_EQ(answer.status, 200U) << answer.head;
        id = answer.field("Postern-Connection");
        EXPECT_EQ(count("connection.accepted", {}, id), 1U);
        alice.send("and late");
        EXPECT_EQ(alice.read(14), "early and late");
        EXPECT_EQ(server_->tunnels(), 1U);
        alice.shut_down();
        EXPECT_TRUE(alice.is_closed());
    }
    const auto accepted = wait_for("connection.accepted", {}, id);
    EXPECT_EQ(accepted["user"]["name"], "alice");
    EXPECT_EQ(accepted["service"]["name"], "echo");
    EXPECT_EQ(accepted["destination"]["port"], echo_.port());
    EXPECT_GT(accepted["postern"]["backend"]["local_port"], 0);
    const auto closed = wait_for("connection.closed", {}, id);
    EXPECT_EQ(closed["source"]["bytes"], 14);
    EXPECT_EQ(closed["destination"]["bytes"], 14);
    EXPECT_EQ(closed["postern"]["closed_by"], "client");
    EXPECT_EQ(count("connection.closed", {}, id), 1U);
    EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
}

TEST_F(GatewayServer, CarriesTwentyMegabytesUnchanged) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    std::string block(1 << 20, '\0');
    for (std::size_t i = 0; i < block.size(); ++i) {
        block[i] = static_cast<char>(i * 2654435761U >> 13);
    }
    for (int i = 0; i < 20; ++i) {
        std::thread sender([&] { alice.send(block); });
        sender.join();
        ASSERT_EQ(alice.read(block.size()), block);
    }
}

TEST_F(GatewayServer, RefusesWithStatusReasonAndRecord) {
    start(service("echo", echo_port()) + rule("echo") + service("closed", echo_port()));
    struct Case {
        std::string request;
        unsigned status;
        std::string code;
        std::string stage;
    };
    const std::vector<Case> cases{{"CONNECT closed:1", 403, "policy_denied", "policy"},
                                  {"CONNECT nowhere:1", 404, "unknown_service", "policy"},
                                  {"CONNECT echo", 400, "malformed_request", "request"},
                                  {"POST /v1/services", 400, "malformed_request", "request"}};
    for (const Case& turned_away : cases) {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask(turned_away.request);
        EXPECT_EQ(answer.status, turned_away.status) << turned_away.request;
        const std::string id = answer.field("Postern-Connection");
        EXPECT_EQ(answer.json()["code"], turned_away.code);
        EXPECT_EQ(answer.json()["connection_id"], id);
        EXPECT_THAT(answer.field("Proxy-Status"), HasSubstr("error="));
        // The record stands before the answer does.
        EXPECT_EQ(count("connection.rejected", turned_away.code, id), 1U);
        EXPECT_EQ(wait_for("connection.rejected", turned_away.code, id)["postern"]["stage"],
                  turned_away.stage);
        EXPECT_TRUE(alice.is_closed());
    }
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayServer, AHandshakeThatFailsLeavesARecordOfWhatWasClaimed) {
    start(service("echo", echo_port()) + rule("echo"));
    {
        const ClientContext anonymous({}, nullptr, server_ca_->bundle);
        Visitor nobody(port(), anonymous);
        EXPECT_EQ(nobody.ask("CONNECT echo:7").status, 0U);
    }
    EXPECT_EQ(wait_for("connection.rejected", "no_certificate")["postern"]["stage"], "certificate");
    {
        Visitor alice(port(), client(mint("alice", [](OddProfile& profile) {
                          profile.not_before = real_now() - 2h;
                          profile.not_after = real_now() - 1h;
                      })));
        EXPECT_EQ(alice.ask("CONNECT echo:7").status, 0U);
    }
    const auto expired = wait_for("connection.rejected", "expired");
    EXPECT_EQ(expired["postern"]["stage"], "certificate");
    EXPECT_EQ(expired["postern"]["claimed"]["user"], "alice");
    EXPECT_FALSE(expired.contains("user"));
    {
        Visitor alice(port(),
                      client(mint("alice", [](OddProfile& profile) { profile.usage = test::Usage::none; })));
        EXPECT_EQ(alice.ask("CONNECT echo:7").status, 0U);
    }
    wait_for("connection.rejected", "wrong_purpose");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayServer, PeersThatAreNoTlsClientsLeaveOneRecordEach) {
    start(service("echo", echo_port()) + rule("echo"));
    { const UniqueFd health_check = connect_to(port()); }
    EXPECT_EQ(wait_for("connection.rejected", "end_of_stream")["postern"]["stage"], "tls");
    {
        const UniqueFd browser = connect_to(port());
        ::send(browser.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
        wait_for("connection.rejected", "not_tls");
    }
    const UniqueFd silent = connect_to(port());
    EXPECT_EQ(wait_for("connection.rejected", "timed_out")["postern"]["stage"], "tls");
    char byte = 0;
    EXPECT_LE(::recv(silent.get(), &byte, 1, 0), 0);
    EXPECT_EQ(count("connection.rejected"), 3U);
}

TEST_F(GatewayServer, ACertificateThatNamesNobodyOfThisTrustDomainIsTold) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client(mint("alice", [](OddProfile& profile) {
                      profile.uris = {"spiffe://elsewhere.internal/user/alice"};
                  })));
    const auto answer = alice.ask("CONNECT echo:7");
    EXPECT_GE(answer.status, 400U);
    EXPECT_EQ(answer.json()["code"], "malformed_certificate");
    EXPECT_EQ(wait_for("connection.rejected", "malformed_certificate")["postern"]["claimed"]["user"],
              "alice");
}

TEST_F(GatewayServer, ABackendThatIsDownRefusesTlsOrNeverAnswersIsTold) {
    unsigned short down = 0;
    {
        const SmallBackend gone;
        down = gone.port();
    }
    const SmallBackend silent;
    const SmallBackend without_tls("N");
    const SmallBackend stuffing("S\x16\x03");
    start(service("down", down) + rule("down") + service("silent", silent.port(), "postgres") +
          rule("silent") + service("plain", without_tls.port(), "postgres") + rule("plain") +
          service("stuffing", stuffing.port(), "postgres") + rule("stuffing"));
    const std::string start_tls = "Postern-Backend-Start: postgres-tls\r\n";
    const auto ask = [&](const std::string& request) {
        Visitor alice(port(), client("alice"));
        return alice.ask(request, start_tls);
    };
    EXPECT_EQ(ask("CONNECT down:1").status, 502U);
    wait_for("connection.rejected", "backend_unreachable");
    const auto timed_out = ask("CONNECT silent:1");
    EXPECT_EQ(timed_out.status, 504U);
    EXPECT_EQ(timed_out.json()["code"], "backend_timed_out");
    EXPECT_EQ(wait_for("connection.rejected", "backend_timed_out")["postern"]["stage"], "backend");
    EXPECT_EQ(ask("CONNECT plain:1").json()["code"], "backend_refused_tls");
    EXPECT_EQ(ask("CONNECT stuffing:1").json()["code"], "backend_refused_tls");
    EXPECT_EQ(count("connection.accepted"), 0U);
}

TEST_F(GatewayServer, StartsTlsWithTheBackendBeforeTheFirstByte) {
    const SmallBackend postgres("S");
    start(service("orders-db", postgres.port(), "postgres") + rule("orders-db"));
    Visitor alice(port(), client("alice"));
    const auto answer =
        alice.ask("CONNECT orders-db:5432", "Postern-Backend-Start: postgres-tls\r\n", "ClientHello");
    EXPECT_EQ(answer.status, 200U);
    // The 'S' was for the gateway.
    EXPECT_EQ(alice.read(11), "ClientHello");
}

TEST_F(GatewayServer, CutsATunnelWhosePostgresNeverAnswers) {
    const SmallBackend silent;
    start(service("silent", silent.port(), "postgres") + rule("silent") + service("tcp", silent.port()) +
          rule("tcp"));
    Visitor patient(port(), client("alice"));
    ASSERT_EQ(patient.ask("CONNECT tcp:1", {}, "hello?").status, 200U);
    Visitor alice(port(), client("alice"));
    const auto answer = alice.ask("CONNECT silent:1", {}, "hello?");
    ASSERT_EQ(answer.status, 200U);
    EXPECT_TRUE(alice.is_closed());
    const auto closed = wait_for("connection.closed", "backend_timed_out");
    EXPECT_EQ(closed["postern"]["connection"]["id"], answer.field("Postern-Connection"));
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    // Other protocols may be silent for as long as they like.
    EXPECT_EQ(server_->tunnels(), 1U);
}

TEST_F(GatewayServer, RevocationCutsTheTunnelWithinTwoSecondsAndTellsItsOwnerWhy) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto stolen = mint("alice");
    Visitor thief(port(), client(stolen));
    const auto answer = thief.ask("CONNECT echo:7");
    ASSERT_EQ(answer.status, 200U);
    const std::string id = answer.field("Postern-Connection");
    Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    const auto open = Visitor(port(), client("alice")).ask("GET /v1/connections/" + id);
    EXPECT_EQ(open.json()["state"], "open");

    const auto began = std::chrono::steady_clock::now();
    revoke(stolen.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(thief.is_closed());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    const auto closed = wait_for("connection.closed", "revoked", id);
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    EXPECT_EQ(closed["user"]["name"], "alice");
    bob.send("still here");
    EXPECT_EQ(bob.read(10), "still here");

    EXPECT_EQ(Visitor(port(), client(stolen)).ask("CONNECT echo:7").json()["code"], "revoked");
    EXPECT_EQ(Visitor(port(), client(stolen)).ask("GET /v1/services").status, 403U);
    const auto why = Visitor(port(), client("alice")).ask("GET /v1/connections/" + id);
    EXPECT_EQ(why.json()["state"], "closed");
    EXPECT_EQ(why.json()["reason"], "revoked");
    EXPECT_FALSE(why.json()["message"].get<std::string>().empty());
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/connections/" + id).status, 404U);
}

TEST_F(GatewayServer, AWarmConnectionIsJudgedWhenItAsks) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto certificate = mint("alice");
    Visitor warm(port(), client(certificate));
    ASSERT_EQ(warm.ask("GET /v1/services").status, 200U);
    revoke(certificate.certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return Visitor(port(), client(certificate)).ask("GET /v1/services").status == 403U; }));
    EXPECT_EQ(warm.ask("CONNECT echo:7").json()["code"], "user_disabled");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayServer, AnExpiredTunnelIsCutUnlessItsSessionWasRenewed) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto of_session = [&](const std::string& name, std::chrono::hours life) {
        return client(mint(name, [&](OddProfile& profile) { profile.not_after = real_now() + life; }));
    };
    Visitor alice(port(), of_session("alice", 1h));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(), of_session("bob", 1h));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    // The agent of alice renews and shows the new certificate.
    EXPECT_EQ(Visitor(port(), of_session("alice", 3h)).ask("GET /v1/services").status, 200U);
    clock_ahead_ = 2 * 3600;
    EXPECT_TRUE(bob.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "expired")["user"]["name"], "bob");
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    clock_ahead_ = 4 * 3600;
    EXPECT_TRUE(alice.is_closed());
}

TEST_F(GatewayServer, AReloadCutsWhatIsNoLongerAllowedAndABadFileChangesNothing) {
    const std::string both = service("echo", echo_port()) + service("other", echo_port());
    start(both + rule("echo") + rule("other"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT other:7").status, 200U);

    write_config(both + "[[rule]]\nservice = [\"other\"]\n");
    EXPECT_FALSE(server_->reload());
    EXPECT_EQ(wait_for("config.reloaded", "config_invalid")["event"]["outcome"], "failure");
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);

    write_config(both + rule("other"));
    EXPECT_TRUE(server_->reload());
    EXPECT_TRUE(alice.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "policy_denied")["user"]["name"], "alice");
    bob.send("still here");
    EXPECT_EQ(bob.read(10), "still here");
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 403U);
}

TEST_F(GatewayServer, AReloadTakesTheNewCertificateForNewConnections) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    write_server("gateway", "gateway/gw1");
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/services").status, 200U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewayServer, ListsTheServicesOfTheAskerOverOneConnection) {
    start(service("echo", echo_port()) + rule("echo") + service("closed", echo_port()));
    Visitor alice(port(), client("alice"));
    for (int i = 0; i < 3; ++i) {
        const auto answer = alice.ask("GET /v1/services");
        ASSERT_EQ(answer.status, 200U);
        EXPECT_EQ(answer.json()["services"].size(), 1U);
        EXPECT_EQ(answer.json()["identity"]["name"], "alice");
    }
    EXPECT_EQ(alice.ask("GET /v1/nothing").status, 404U);
    EXPECT_EQ(alice.ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayServer, KeepsEachIdentityWithinItsLimit) {
    start(service("echo", echo_port()) + rule("echo"), "connections_per_identity = 1\n");
    {
        Visitor alice(port(), client("alice"));
        ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
        const auto second = Visitor(port(), client("alice")).ask("CONNECT echo:7");
        EXPECT_EQ(second.status, 429U);
        EXPECT_EQ(wait_for("connection.rejected", "limit_reached")["postern"]["stage"], "limit");
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
    }
    EXPECT_TRUE(
        eventually([&] { return Visitor(port(), client("alice")).ask("CONNECT echo:7").status == 200U; }));
}

TEST_F(GatewayServer, ACancelGoesToTheBackendOfItsOwnersLiveConnectionOnly) {
    start(service("echo", echo_port()) + rule("echo") + service("other", echo_port()) + rule("other"));
    Visitor alice(port(), client("alice"));
    const std::string id = alice.ask("CONNECT echo:7").field("Postern-Connection");
    const std::string cancel = "Postern-Cancel-Of: " + id + "\r\n";
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7", cancel).status, 200U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7", cancel).status, 404U);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT other:7", cancel).status, 404U);
    alice.shut_down();
    EXPECT_TRUE(alice.is_closed());
    wait_for("connection.closed", {}, id);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7", cancel).status, 404U);
}

TEST_F(GatewayServer, DrainingRefusesNewTunnelsAndKeepsTheOpenOnesUntilTheyAreCut) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor late(port(), client("bob"));
    ASSERT_TRUE(late.is_greeted());
    ASSERT_EQ(late.ask("GET /v1/services").status, 200U);
    server_->stop_accepting();
    EXPECT_EQ(late.ask("CONNECT echo:7").json()["code"], "shutting_down");
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    server_->cut_all(Code::shutting_down);
    EXPECT_TRUE(alice.is_closed());
    EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
    EXPECT_EQ(wait_for("connection.closed", "shutting_down")["postern"]["closed_by"], "gateway");
}

TEST_F(GatewayServer, RefusesEverybodyWhileTheAuditLogCannotBeWrittenAndCatchesUpAfter) {
    start(service("echo", echo_port()) + rule("echo"));
    std::string id;
    {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT echo:7");
        ASSERT_EQ(answer.status, 200U);
        id = answer.field("Postern-Connection");
        // No file of this process may grow: a full disk.
        const FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        const auto refused = Visitor(port(), client("bob")).ask("CONNECT echo:7");
        EXPECT_EQ(refused.status, 503U);
        EXPECT_EQ(refused.json()["code"], "audit_unavailable");
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT nowhere:7").json()["code"],
                  "audit_unavailable");
        alice.shut_down();
        EXPECT_TRUE(alice.is_closed());
        EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
        EXPECT_EQ(count("connection.closed", {}, id), 0U);
    }
    EXPECT_EQ(wait_for("connection.closed", {}, id)["postern"]["closed_by"], "client");
    EXPECT_EQ(count("connection.closed", {}, id), 1U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayServer, SilentPeersAreCutForNewerOnes) {
    start(service("echo", echo_port()) + rule("echo"), "pending = 8\n");
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 64; ++i) {
        silent.push_back(connect_to(port()));
    }
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(wait_for("connection.rejected", "limit_reached")["postern"]["stage"], "limit");
}

}  // namespace
}  // namespace postern::gateway
