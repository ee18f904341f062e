// How the client tells failures of the network, of trust and of its own machine apart.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "base/unique_fd.hpp"
#include "http/client.hpp"
#include "support/loopback_listener.hpp"
#include "support/net_fixture.hpp"

namespace {

std::mutex hanging_mutex;
std::condition_variable hanging_changed;
bool is_let_go = false;

}  // namespace

/// In place of the C library's: names in hangs.test get no answer until they are let go; two.test has two
/// addresses, and nobody at the first.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const std::string_view name = node == nullptr ? "" : node;
    if (name.ends_with("hangs.test")) {
        std::unique_lock lock(hanging_mutex);
        hanging_changed.wait(lock, [] { return is_let_go; });
        return EAI_AGAIN;
    }
    if (name == "two.test") {
        if (const int error = real("127.0.0.9", service, hints, found); error != 0) {
            return error;
        }
        return real("127.0.0.1", service, hints, &(*found)->ai_next);
    }
    return real(node, service, hints, found);
}

namespace postern::http {
namespace {

using namespace std::chrono_literals;

/// Accepts, does something with each connection, and closes it.
class Peer {
public:
    enum class Does { close, reset, speak_http, say_nothing, say_unknown_ca, say_expired };
    explicit Peer(Does does) : does_(does) {
        std::signal(SIGPIPE, SIG_IGN);
        thread_ = std::thread([this] { serve(); });
    }
    ~Peer() {
        listener_.end();
        thread_.join();
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    unsigned short port() const { return listener_.port(); }
    int accepted() const { return accepted_; }

private:
    void serve() {
        std::vector<UniqueFd> kept;
        for (;;) {
            UniqueFd peer = listener_.accept();
            if (!peer) {
                return;
            }
            ++accepted_;
            char byte = 0;
            if (does_ == Does::speak_http) {
                constexpr std::string_view kAnswer =
                    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
                (void)::send(peer.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
                ::shutdown(peer.get(), SHUT_WR);
                while (::recv(peer.get(), &byte, 1, 0) > 0) {
                }
            } else if (does_ == Does::say_unknown_ca || does_ == Does::say_expired) {
                const char alert[] = {
                    0x15, 3, 3, 0, 2, 2, static_cast<char>(does_ == Does::say_expired ? 45 : 48)};
                (void)::send(peer.get(), alert, sizeof alert, MSG_NOSIGNAL);
                ::shutdown(peer.get(), SHUT_WR);
                while (::recv(peer.get(), &byte, 1, 0) > 0) {
                }
            } else if (does_ == Does::reset) {
                (void)::recv(peer.get(), &byte, 1, 0);
                const linger now{1, 0};
                ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
            } else if (does_ == Does::say_nothing) {
                kept.push_back(std::move(peer));
            }
        }
    }

    Does does_;
    test::LoopbackListener listener_;
    std::atomic<int> accepted_ = 0;
    std::thread thread_;
};

Failure failure_of(const std::string& host, unsigned short port, std::chrono::milliseconds timeout = 10s) {
    ClientOptions options;
    options.url = "https://" + host + ":" + std::to_string(port);
    options.connect_timeout = timeout;
    const auto got = Client::make(options).value().get("/v1/health");
    return got ? Failure{Code::internal, "it answered"} : got.error();
}

/// What a server of another authority does once it has shown its certificate.
enum class Then { waits_silently, closes_on_the_alert, resets_on_the_alert, ends_before_the_alert };

/// Shows a certificate that nobody trusts, and does not care what the client makes of it.
class Impostor {
public:
    explicit Impostor(Then then) : then_(then) {
        thread_ = std::thread([this] { serve(); });
    }
    ~Impostor() {
        listener_.end();
        thread_.join();
    }
    Impostor(const Impostor&) = delete;
    Impostor& operator=(const Impostor&) = delete;
    unsigned short port() const { return listener_.port(); }

private:
    void serve() {
        const net::TlsCredentials own = pki_.server("spiffe://example.org/ca/localhost");
        const pki::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate(context.get(), own.chain.front().get());
        SSL_CTX_use_PrivateKey(context.get(), own.key.get());
        std::vector<UniqueFd> kept;
        for (;;) {
            UniqueFd peer = listener_.accept();
            if (!peer) {
                return;
            }
            impose(context.get(), peer.get());
            if (then_ == Then::waits_silently) {
                kept.push_back(std::move(peer));
            }
        }
    }
    void impose(SSL_CTX* context, int fd) const {
        const pki::SslPtr ssl(SSL_new(context));
        // The ClientHello from the socket, the flight to memory: it is sent as a whole, and nothing after it.
        BIO* const flight = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl.get(), BIO_new_socket(fd, BIO_NOCLOSE), flight);
        const timeval soon{0, 200'000};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        pollfd hello{fd, POLLIN, 0};
        ::poll(&hello, 1, 5000);
        (void)SSL_accept(ssl.get());
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(flight, &bytes);
        (void)::send(fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
        if (then_ == Then::ends_before_the_alert) {
            ::shutdown(fd, SHUT_WR);
        }
        if (then_ == Then::waits_silently) {
            return;
        }
        pollfd alert{fd, POLLIN, 0};
        ::poll(&alert, 1, 5000);
        if (then_ == Then::resets_on_the_alert) {
            const linger now{1, 0};
            ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
    }

    Then then_;
    test::TestPki pki_;
    test::LoopbackListener listener_;
    std::thread thread_;
};

TEST(HttpsClient, TellsOfAnImpostorWhateverHeDoesOnceHeIsRefused) {
    for (const Then then : {Then::waits_silently, Then::closes_on_the_alert, Then::resets_on_the_alert,
                            Then::ends_before_the_alert}) {
        const Impostor impostor(then);
        ClientOptions options;
        options.url = "https://localhost:" + std::to_string(impostor.port());
        options.server_ca = test::make_authority("Test Server CA", test::test_now()).bundle;
        options.trust_domain = "example.org";
        const auto got = Client::make(std::move(options)).value().get("/v1/trust");
        ASSERT_TRUE(!got);
        EXPECT_EQ(got.error().code, Code::unknown_issuer)
            << static_cast<int>(then) << ": " << got.error().detail;
    }
}

/// An alert in place of a ServerHello.
TEST(HttpsClient, TakesNoAlertOfAPeerThatHasShownNothingForAVerdictOfItsOwn) {
    for (const auto does : {Peer::Does::say_unknown_ca, Peer::Does::say_expired}) {
        const Peer peer(does);
        const Failure failure = failure_of("127.0.0.1", peer.port());
        EXPECT_EQ(failure.code, Code::tls_failed) << failure.detail;
    }
}

TEST(HttpsClient, TellsOfAPeerThatClosesBeforeTlsIsUpAndNotOfTrust) {
    for (const auto does : {Peer::Does::close, Peer::Does::reset}) {
        const Peer peer(does);
        const Failure failure = failure_of("127.0.0.1", peer.port());
        EXPECT_EQ(failure.code, Code::end_of_stream) << failure.detail;
    }
}

TEST(HttpsClient, TellsOfALoadBalancerThatAnswersInPlaceOfTheServer) {
    const Peer peer(Peer::Does::speak_http);
    EXPECT_EQ(failure_of("127.0.0.1", peer.port()).code, Code::not_tls);
}

TEST(HttpsClient, TellsOfAServerThatSaysNothing) {
    const Peer peer(Peer::Does::say_nothing);
    EXPECT_EQ(failure_of("127.0.0.1", peer.port(), 300ms).code, Code::timed_out);
}

TEST(HttpsClient, IsNotHeldUpByANameThatHangsForLongerThanItsTimeout) {
    const auto start = std::chrono::steady_clock::now();
    const Failure failure = failure_of("ca.hangs.test", 1, 100ms);
    EXPECT_EQ(failure.code, Code::timed_out);
    EXPECT_NE(failure.detail.find("looking up ca.hangs.test"), std::string::npos) << failure.detail;
    // The C library's own timeout would be far longer; here the name hangs for ever.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
    const Peer peer(Peer::Does::close);
    EXPECT_EQ(failure_of("localhost", peer.port()).code, Code::end_of_stream)
        << "another name is looked up meanwhile";
    const std::lock_guard lock(hanging_mutex);
    is_let_go = true;
    hanging_changed.notify_all();
}

TEST(HttpsClient, TriesEachAddressOfAName) {
    const Peer peer(Peer::Does::close);
    EXPECT_EQ(failure_of("two.test", peer.port()).code, Code::end_of_stream);
    EXPECT_EQ(peer.accepted(), 1);
}

TEST(HttpsClient, TellsThatThisProcessHasNoDescriptorsLeft) {
    const Peer peer(Peer::Does::close);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit few = before;
    few.rlim_cur = 200;
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::vector<UniqueFd> fillers;
    for (bool fits = true; fits;) {
        fillers.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        fits = static_cast<bool>(fillers.back());
    }
    const Failure failure = failure_of("127.0.0.1", peer.port());
    fillers.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(failure.code, Code::out_of_resources);
    EXPECT_NE(failure.detail.find("limit is 200"), std::string::npos) << failure.detail;
}

}  // namespace
}  // namespace postern::http
