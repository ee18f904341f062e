// The HTTPS service and the HTTPS client, against each other over real sockets.
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "http/client.hpp"
#include "http/http_date.hpp"
#include "http/https_service.hpp"
#include "support/net_fixture.hpp"

namespace postern::http {
namespace {

using namespace std::chrono_literals;
using test::TestPki;

/// What was rejected, gathered from the loops.
class Rejections {
public:
    void add(const RejectedConnection& rejected) {
        const std::lock_guard lock(mutex_);
        codes_.push_back(rejected.failure.code);
        silent_ += rejected.was_silent ? 1 : 0;
        changed_.notify_all();
    }
    bool wait_for_count(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] { return codes_.size() == count; });
    }
    bool wait_for(Code code) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s,
                                 [&] { return std::count(codes_.begin(), codes_.end(), code) > 0; });
    }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return codes_.size();
    }
    bool wait_for_at_least(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] { return codes_.size() >= count; });
    }
    std::size_t silent() {
        const std::lock_guard lock(mutex_);
        return silent_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Code> codes_;
    std::size_t silent_ = 0;

public:
    /// While it is set, nobody's rejection comes to an end.
    std::atomic<bool> is_held = false;
};

boost::asio::awaitable<void> note(Rejections* rejections, RejectedConnection rejected) {
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer pause(executor);
    while (rejections->is_held) {
        pause.expires_after(1ms);
        co_await pause.async_wait(boost::asio::use_awaitable);
    }
    rejections->add(rejected);
}

boost::asio::awaitable<Response> answer(Request request, ClientInfo client) {
    if (request.target() == "/throw") {
        throw std::runtime_error("a bug");
    }
    if (request.target() == "/large") {
        co_return json_response(200, std::string(3'000'000, 'x'));
    }
    if (request.target() == "/long") {
        static const auto body = std::make_shared<const std::string>(16U << 20, 'x');
        Response response = json_response(200, {});
        response.shared_body = body;
        co_return response;
    }
    if (request.target() == "/long-of-its-own") {
        co_return json_response(200, std::string(16U << 20, 'x'));
    }
    if (request.target() == "/next-year") {
        Response response = json_response(200, "late");
        response.set(boost::beast::http::field::date, to_http_date(system_clock()() + 365 * 24h));
        co_return response;
    }
    if (request.target() == "/refused") {
        Problem problem;
        problem.code = Code::user_disabled;
        problem.title = "The user is disabled.";
        co_return problem_response(problem);
    }
    if (request.target() == "/port") {
        co_return json_response(200, std::to_string(client.remote.port));
    }
    const std::string who = client.peer.certificate ? client.peer.certificate->common_name() : "nobody";
    Response response = json_response(200, "hello " + who + " " + request.body());
    response.set(boost::beast::http::field::etag, "\"7\"");
    co_return response;
}

struct Fixture {
    explicit Fixture(HttpsLimits limits = {}, const std::string& uri = "spiffe://example.org/ca/localhost",
                     const std::string& address = "127.0.0.1:0")
        : loops(2) {
        std::signal(SIGPIPE, SIG_IGN);
        net::Listener listener = net::Listener::bind(net::parse_address(address).value()).value();
        net::TlsContext tls = net::TlsContext::server(pki.server(uri), pki.user_ca.bundle,
                                                      net::ClientCertificate::optional_and_maybe_expired)
                                  .value();
        service = std::make_unique<HttpsService>(
            loops, std::move(listener), std::move(tls), limits, &answer,
            [this](RejectedConnection one) { return note(&rejections, std::move(one)); });
        loops.start();
        port = service->port();
    }
    ~Fixture() { loops.stop(); }

    ClientOptions options() const {
        ClientOptions result;
        result.url = "https://localhost:" + std::to_string(port);
        result.server_ca = pki.server_ca.bundle;
        result.trust_domain = "example.org";
        return result;
    }
    UniqueFd silent_peer(const char* from = "127.0.0.1") const {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const boost::asio::ip::tcp::endpoint source(boost::asio::ip::make_address(from), 0);
        EXPECT_EQ(::bind(fd.get(), source.data(), static_cast<socklen_t>(source.size())), 0);
        const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), port);
        EXPECT_EQ(::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        return fd;
    }

    TestPki pki;
    Rejections rejections;
    net::EventLoops loops;
    std::unique_ptr<HttpsService> service;
    unsigned short port = 0;
};

/// A client that says what it likes, byte for byte.
class RawClient {
public:
    explicit RawClient(const Fixture& fixture)
        : fd_(fixture.silent_peer()), context_(SSL_CTX_new(TLS_client_method())) {
        const timeval timeout{20, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_fd(ssl_.get(), fd_.get());
        EXPECT_EQ(SSL_connect(ssl_.get()), 1);
    }
    bool send(const std::string& text) {
        std::size_t sent = 0;
        return SSL_write_ex(ssl_.get(), text.data(), text.size(), &sent) == 1;
    }
    /// What comes until it ends with `end`, or nothing more does.
    std::string receive_until(const std::string& end) {
        std::string text;
        char byte = 0;
        while (!text.ends_with(end) && SSL_read(ssl_.get(), &byte, 1) == 1) {
            text += byte;
        }
        return text;
    }

private:
    UniqueFd fd_;
    pki::SslCtxPtr context_;
    pki::SslPtr ssl_;
};

TEST(HttpsService, AnswersABodyOverTheLimitWhileItIsStillSent) {
    Fixture fixture;
    RawClient client(fixture);
    ASSERT_TRUE(client.send("POST /v1/login HTTP/1.1\r\nHost: ca\r\nContent-Length: 5000000\r\n\r\n"));
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(client.send(std::string(1'000'000, ' '))) << i;
    }
    EXPECT_TRUE(client.receive_until("\r\n").starts_with("HTTP/1.1 413 "));
}

TEST(HttpsService, TellsAClientThatWaitsToContinueAndNoneWhoseBodyIsTooLarge) {
    Fixture fixture;
    const std::string head = "POST / HTTP/1.1\r\nHost: ca\r\nExpect: 100-continue\r\nContent-Length: ";
    RawClient client(fixture);
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(client.send(head + "4\r\n\r\n"));
        EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        ASSERT_TRUE(client.send("data"));
        EXPECT_TRUE(client.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
        EXPECT_EQ(client.receive_until("data"), "hello nobody data");
    }
    RawClient impatient(fixture);
    ASSERT_TRUE(impatient.send(head + "4\r\n\r\ndata"));
    EXPECT_TRUE(impatient.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200 ")) << "it has sent it already";
    RawClient large(fixture);
    ASSERT_TRUE(large.send(head + "5000000\r\n\r\n"));
    EXPECT_TRUE(large.receive_until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST(HttpsService, AnswersAndKeepsTheConnection) {
    Fixture fixture;
    Client client = Client::make(fixture.options()).value();
    for (int i = 0; i < 3; ++i) {
        const auto got = client.post_json("/v1/login", "body");
        ASSERT_TRUE(got.has_value()) << got.error().detail;
        EXPECT_EQ(got.value().status, 200u);
        EXPECT_EQ(got.value().body, "hello nobody body");
        EXPECT_EQ(got.value().etag, "\"7\"");
    }
    EXPECT_EQ(fixture.service->connections(), 1u);
    const auto large = client.get("/large");
    ASSERT_TRUE(large.has_value()) << large.error().detail;
    EXPECT_EQ(large.value().body.size(), 3'000'000u);
    const auto thrown = client.get("/throw");
    ASSERT_TRUE(thrown.has_value());
    EXPECT_EQ(thrown.value().status, 500u);
    const auto refused = client.get("/refused");
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused.value().status, 403u);
    ASSERT_TRUE(refused.value().problem);
    EXPECT_EQ(refused.value().problem->code, Code::user_disabled);
    EXPECT_TRUE(fixture.rejections.wait_for(Code::internal)) << "what failed here has a record";
    EXPECT_EQ(fixture.rejections.count(), 1u) << "of what the handler answers, the handler knows";
}

TEST(HttpsService, TellsTheTimeAsFarAsItsCertificateLasts) {
    Fixture fixture;
    Client client = Client::make(fixture.options()).value();
    const auto got = client.get("/");
    ASSERT_TRUE(got.has_value() && got.value().date);
    EXPECT_LT(system_clock()() - *got.value().date, 1min);
    EXPECT_GT(system_clock()() - *got.value().date, -1min);
    const auto late = client.get("/next-year");
    ASSERT_TRUE(late.has_value());
    EXPECT_FALSE(late.value().date) << "the certificate that vouches for it is over by then";
    ClientOptions believing = fixture.options();
    believing.server_ca.reset();
    Client stranger = Client::make(std::move(believing)).value();
    EXPECT_TRUE(stranger.get("/next-year").value().date) << "nobody vouches for it, and it says so";
}

TEST(HttpDate, IsReadAsItIsWritten) {
    const SystemTime time = parse_time("1994-11-06T08:49:37Z").value();
    EXPECT_EQ(to_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(from_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
    for (const char* text :
         {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
          "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nix 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37 GMT "}) {
        EXPECT_FALSE(from_http_date(text)) << text;
    }
}

TEST(HttpsService, KnowsTheClientByItsCertificate) {
    Fixture fixture;
    ClientOptions options = fixture.options();
    options.credentials = fixture.pki.login();
    Client client = Client::make(std::move(options)).value();
    const auto got = client.get("/");
    ASSERT_TRUE(got.has_value()) << got.error().detail;
    EXPECT_EQ(got.value().body, "hello alice ");
}

TEST(HttpsService, TurnsAwayACertificateOfAnotherAuthorityAndTellsTheHook) {
    Fixture fixture;
    const test::Authority other = test::make_authority("Test User CA", test::test_now());
    const auto leaf = test::mint(test::login_profile("alice", test::test_now()), other.issuing).value();
    ClientOptions options = fixture.options();
    options.credentials = TestPki::credentials(leaf, other);
    Client client = Client::make(std::move(options)).value();
    const auto got = client.get("/");
    ASSERT_TRUE(!got);
    EXPECT_EQ(got.error().code, Code::unknown_issuer) << got.error().detail;
    EXPECT_TRUE(fixture.rejections.wait_for(Code::unknown_issuer));
}

Code refusal_by_client(ClientOptions options) {
    Client client = Client::make(std::move(options)).value();
    const auto got = client.get("/");
    return !got ? got.error().code : Code::internal;
}

TEST(HttpsClient, RefusesAServerOfAnotherAuthority) {
    Fixture fixture;
    ClientOptions options = fixture.options();
    options.server_ca = test::make_authority("Test Server CA", test::test_now()).bundle;
    EXPECT_EQ(refusal_by_client(options), Code::unknown_issuer);
}

/// Both sides: the whole takes several times the timeout of either.
TEST(HttpsClient, GetsALongAnswerOverASlowLineAsLongAsItComes) {
    HttpsLimits limits;
    limits.answer_timeout = 1s;
    Fixture fixture(limits);
    ClientOptions options = fixture.options();
    options.answer_timeout = 2s;
    options.least_bytes_per_second = 64 << 10;
    // What has come is taken slowly.
    options.is_wanted = [] {
        std::this_thread::sleep_for(3ms);
        return true;
    };
    const auto began = std::chrono::steady_clock::now();
    const auto got = Client::make(options).value().get("/long");
    ASSERT_TRUE(got) << got.error().detail;
    EXPECT_EQ(got->body.size(), 16U << 20);
    EXPECT_GT(std::chrono::steady_clock::now() - began, 2s) << "else this shows nothing";
    options.least_bytes_per_second = 0;
    EXPECT_EQ(Client::make(options).value().get("/long").error().code, Code::timed_out);
    options.longest_answer = (16U << 20) - 1;
    EXPECT_EQ(Client::make(options).value().get("/long").error().code, Code::request_too_large);
    options.is_wanted = [] { return false; };
    options.longest_answer = 16U << 20;
    EXPECT_EQ(Client::make(options).value().get("/long").error().code, Code::cancelled);
}

TEST(HttpsService, WaitsForWhoTakesAnAnswerSlowlyAlsoWhereItsBodyIsItsOwn) {
    HttpsLimits limits;
    limits.answer_timeout = 500ms;
    Fixture fixture(limits);
    ClientOptions options = fixture.options();
    options.longest_answer = 16U << 20;
    options.is_wanted = [] {
        std::this_thread::sleep_for(3ms);
        return true;
    };
    const auto began = std::chrono::steady_clock::now();
    const auto got = Client::make(options).value().get("/long-of-its-own");
    ASSERT_TRUE(got) << got.error().detail;
    EXPECT_EQ(got->body.size(), 16U << 20);
    EXPECT_GT(std::chrono::steady_clock::now() - began, 1s) << "else this shows nothing";
}

TEST(HttpsClient, RefusesAServerOfAnotherName) {
    Fixture fixture({}, "spiffe://example.org/ca/localhost", "127.0.0.2:0");
    ClientOptions options = fixture.options();
    options.url = "https://127.0.0.2:" + std::to_string(fixture.port);
    EXPECT_EQ(refusal_by_client(options), Code::wrong_server_identity);
}

TEST(HttpsClient, RefusesAGatewayAsCa) {
    Fixture fixture({}, "spiffe://example.org/gateway/gw1");
    EXPECT_EQ(refusal_by_client(fixture.options()), Code::wrong_server_identity);
}

TEST(HttpsClient, RefusesACaOfAnotherTrustDomain) {
    Fixture fixture;
    ClientOptions options = fixture.options();
    options.trust_domain = "example.com";
    EXPECT_EQ(refusal_by_client(options), Code::wrong_server_identity);
}

TEST(HttpsClient, TakesTheAddressWhereTheCertificateBearsIt) {
    Fixture fixture;
    ClientOptions options = fixture.options();
    options.url = "https://127.0.0.1:" + std::to_string(fixture.port) + "/";
    EXPECT_TRUE(Client::make(options).value().get("/").has_value());
}

TEST(HttpsClient, TakesAnyServerOnlyAtThePinnedFirstContact) {
    Fixture fixture;
    ClientOptions options = fixture.options();
    options.server_ca.reset();
    EXPECT_TRUE(Client::make(options).value().get("/v1/trust").has_value());
}

TEST(HttpsClient, SaysWhenNobodyListens) {
    ClientOptions options;
    unsigned short port = 0;
    {
        const net::Listener gone = net::Listener::bind(net::parse_address("127.0.0.1:0").value()).value();
        port = gone.port();
    }
    options.url = "https://127.0.0.1:" + std::to_string(port);
    const auto got = Client::make(options).value().get("/");
    ASSERT_TRUE(!got);
    EXPECT_EQ(got.error().code, Code::unreachable);
}

TEST(HttpsClient, TakesHttpsAlone) {
    for (const char* url :
         {"http://ca:1", "ca:1", "https://", "https://ca:99999", "https://ca/path", "https://a b"}) {
        ClientOptions options;
        options.url = url;
        EXPECT_TRUE(Client::make(options).has_error()) << url;
    }
    for (const char* url : {"https://ca", "https://ca:7444/", "https://[::1]:1", "https://[::1]"}) {
        ClientOptions options;
        options.url = url;
        EXPECT_TRUE(Client::make(options).has_value()) << url;
    }
}

TEST(HttpsService, ServesAGoodClientAmongManySilentOnes) {
    HttpsLimits limits;
    limits.pending = 20;
    Fixture fixture(limits);
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(fixture.silent_peer());
    }
    Client client = Client::make(fixture.options()).value();
    const auto start = std::chrono::steady_clock::now();
    const auto got = client.get("/");
    ASSERT_TRUE(got.has_value()) << got.error().detail;
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    EXPECT_TRUE(fixture.rejections.wait_for(Code::limit_reached));
    EXPECT_LE(fixture.service->connections(), 25u);
}

TEST(HttpsService, CutsASilentPeerInTheHandshake) {
    HttpsLimits limits;
    limits.handshake_timeout = 50ms;
    Fixture fixture(limits);
    const UniqueFd peer = fixture.silent_peer();
    char byte = 0;
    EXPECT_LE(::recv(peer.get(), &byte, 1, 0), 0);
    EXPECT_TRUE(fixture.rejections.wait_for(Code::timed_out));
}

TEST(HttpsService, TellsApartWhoSaidNothingAtAll) {
    HttpsLimits limits;
    limits.handshake_timeout = 200ms;
    Fixture fixture(limits);
    { const UniqueFd closes_at_once = fixture.silent_peer(); }
    const UniqueFd says_nothing = fixture.silent_peer();
    const UniqueFd says_a_byte = fixture.silent_peer();
    ::send(says_a_byte.get(), "\x16", 1, MSG_NOSIGNAL);
    EXPECT_TRUE(fixture.rejections.wait_for_count(3));
    EXPECT_EQ(fixture.rejections.silent(), 2u);
}

TEST(HttpsService, CutsThoseOfTheAddressThatFloods) {
    HttpsLimits limits;
    limits.pending = 8;
    Fixture fixture(limits);
    const UniqueFd first = fixture.silent_peer("127.0.0.2");
    std::vector<UniqueFd> flood;
    for (int i = 0; i < 100; ++i) {
        flood.push_back(fixture.silent_peer("127.0.0.3"));
    }
    EXPECT_TRUE(fixture.rejections.wait_for_at_least(96)) << "half of the places, over both loops";
    char byte = 0;
    EXPECT_EQ(::recv(first.get(), &byte, 1, MSG_DONTWAIT), -1) << "it was there first and is there still";
    EXPECT_EQ(errno, EAGAIN);
}

TEST(HttpsService, TakesMoreThanOneBearerNeedsForStrangers) {
    HttpsLimits limits;
    limits.connections = 2;
    limits.connections_per_bearer = 1;
    Fixture fixture(limits);
    ClientOptions options = fixture.options();
    options.credentials = fixture.pki.login();
    Client first = Client::make(options).value();
    const std::string port = first.get("/port").value().body;
    Client second = Client::make(options).value();
    EXPECT_EQ(second.get("/").value().body, "hello alice ") << "served like any other";
    EXPECT_TRUE(Client::make(fixture.options()).value().get("/").has_value()) << "the second one makes room";
    EXPECT_EQ(first.get("/port").value().body, port);
}

TEST(HttpsService, TurnsAwayMoreThanAnAddressMayHave) {
    HttpsLimits limits;
    limits.connections_per_address = 2;
    Fixture fixture(limits);
    const UniqueFd one = fixture.silent_peer();
    const UniqueFd two = fixture.silent_peer();
    const UniqueFd three = fixture.silent_peer();
    EXPECT_TRUE(fixture.rejections.wait_for(Code::limit_reached));
}

TEST(HttpsService, CutsTheOldestIdleStrangerWhereAllPlacesAreTaken) {
    HttpsLimits limits;
    limits.connections = 8;
    Fixture fixture(limits);
    ClientOptions with_certificate = fixture.options();
    with_certificate.credentials = fixture.pki.login();
    Client bearer = Client::make(std::move(with_certificate)).value();
    const std::string port = bearer.get("/port").value().body;
    std::vector<Client> strangers;
    for (int i = 0; i < 30; ++i) {
        strangers.push_back(Client::make(fixture.options()).value());
        const auto got = strangers.back().get("/");
        ASSERT_TRUE(got.has_value()) << i << ": " << got.error().detail;
        EXPECT_LE(fixture.service->connections(), 10u);
    }
    EXPECT_EQ(bearer.get("/port").value().body, port) << "who has a certificate is not cut";
    EXPECT_EQ(fixture.rejections.count(), 0u) << "they have asked";
}

TEST(HttpsService, TurnsAwayWhereAllPlacesAreTakenByBearersOfCertificates) {
    HttpsLimits limits;
    limits.connections = 2;
    Fixture fixture(limits);
    std::vector<Client> bearers;
    for (int i = 0; i < 2; ++i) {
        ClientOptions options = fixture.options();
        options.credentials = fixture.pki.login();
        bearers.push_back(Client::make(std::move(options)).value());
        ASSERT_TRUE(bearers.back().get("/").has_value());
    }
    EXPECT_TRUE(Client::make(fixture.options()).value().get("/").has_error());
    EXPECT_TRUE(fixture.rejections.wait_for(Code::limit_reached));
}

TEST(HttpsService, LeavesTheOthersAloneWhenOneAddressHasAllOfItsPlaces) {
    HttpsLimits limits;
    limits.connections = 2;
    limits.connections_per_address = 2;
    Fixture fixture(limits);
    Client first = Client::make(fixture.options()).value();
    Client second = Client::make(fixture.options()).value();
    const std::string port = first.get("/port").value().body;
    ASSERT_TRUE(second.get("/").has_value());
    EXPECT_TRUE(Client::make(fixture.options()).value().get("/").has_error());
    EXPECT_EQ(first.get("/port").value().body, port);
}

TEST(HttpsService, GoesOnWhileRejectionsCannotBeTold) {
    HttpsLimits limits;
    limits.connections = 8;
    Fixture fixture(limits);
    fixture.rejections.is_held = true;
    constexpr std::size_t kGarbage = 1100;
    for (std::size_t i = 0; i < kGarbage; ++i) {
        const UniqueFd peer = fixture.silent_peer();
        ::send(peer.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
        char answer[16];
        while (::recv(peer.get(), answer, sizeof answer, 0) > 0) {
        }
    }
    EXPECT_TRUE(Client::make(fixture.options()).value().get("/").has_value());
    EXPECT_EQ(fixture.rejections.count(), 0u);
    fixture.rejections.is_held = false;
    EXPECT_TRUE(fixture.rejections.wait_for_count(kGarbage));
}

TEST(HttpsService, ShowsANewCertificateToNewConnections) {
    Fixture fixture;
    Client before = Client::make(fixture.options()).value();
    ASSERT_TRUE(before.get("/").has_value());
    net::TlsContext tls = net::TlsContext::server(fixture.pki.server("spiffe://example.org/gateway/x"),
                                                  fixture.pki.user_ca.bundle,
                                                  net::ClientCertificate::optional_and_maybe_expired)
                              .value();
    fixture.service->set_tls(std::move(tls));
    EXPECT_TRUE(before.get("/").has_value());
    EXPECT_EQ(refusal_by_client(fixture.options()), Code::wrong_server_identity);
}

TEST(HttpsService, DrainsIdleConnectionsAndAcceptsNoMore) {
    Fixture fixture;
    Client client = Client::make(fixture.options()).value();
    ASSERT_TRUE(client.get("/").has_value());
    EXPECT_TRUE(fixture.service->drain(5s));
    EXPECT_EQ(fixture.service->connections(), 0u);
    EXPECT_TRUE(client.get("/").has_error());
}

}  // namespace
}  // namespace postern::http
