// How the client tells failures of the network, of trust and of its own machine apart.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
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

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "http/client.hpp"

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
        if (const int error = real("127.0.0.9", service, hints, found); error != 0) return error;
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
    enum class Does { close, reset, speak_http, say_nothing };
    explicit Peer(Does does) : does_(does), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        std::signal(SIGPIPE, SIG_IGN);
        boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), 0);
        EXPECT_EQ(::bind(fd_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        EXPECT_EQ(::listen(fd_.get(), 16), 0);
        auto length = static_cast<socklen_t>(endpoint.capacity());
        ::getsockname(fd_.get(), endpoint.data(), &length);
        port_ = endpoint.port();
        thread_ = std::thread([this] { serve(); });
    }
    ~Peer() {
        ::shutdown(fd_.get(), SHUT_RDWR);
        thread_.join();
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    unsigned short port() const { return port_; }
    int accepted() const { return accepted_; }

private:
    void serve() {
        std::vector<UniqueFd> kept;
        for (;;) {
            UniqueFd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            ++accepted_;
            char byte = 0;
            if (does_ == Does::speak_http) {
                constexpr std::string_view kAnswer =
                    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
                (void)::send(peer.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
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
    UniqueFd fd_;
    unsigned short port_ = 0;
    std::atomic<int> accepted_ = 0;
    std::thread thread_;
};

Failure failure_of(const std::string& host, unsigned short port, std::chrono::milliseconds patience = 10s) {
    ClientOptions options;
    options.url = "https://" + host + ":" + std::to_string(port);
    options.connect_patience = patience;
    const auto got = Client::make(options).value().get("/v1/health");
    return got ? Failure{Code::internal, "it answered"} : got.error();
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

TEST(HttpsClient, IsNotHeldUpByANameThatHangsForLongerThanItsPatience) {
    const auto start = std::chrono::steady_clock::now();
    const Failure failure = failure_of("ca.hangs.test", 1, 100ms);
    EXPECT_EQ(failure.code, Code::timed_out);
    EXPECT_NE(failure.detail.find("looking up ca.hangs.test"), std::string::npos) << failure.detail;
    // The C library's own patience would be far longer; here the name hangs for ever.
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
