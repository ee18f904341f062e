// Answers without an end: whatever their shape, the client reads a bounded part of them, in a bounded time.
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "base/unique_fd.hpp"
#include "http/client.hpp"
#include "support/loopback_listener.hpp"
#include "support/net_fixture.hpp"

namespace postern::http {
namespace {

using namespace std::chrono_literals;
using test::TestPki;
using Steady = std::chrono::steady_clock;

/// What it would send in all, and for how long, if nobody went away.
constexpr std::size_t kEndless = 96U << 20;
constexpr auto kForEver = 12s;
/// The sockets' buffers hold some of what nobody reads any more.
constexpr std::size_t kBuffers = 16U << 20;

/// An answer as it begins, and what follows again and again.
struct Shape {
    std::string name;
    std::string begin;
    std::string then;
    std::chrono::milliseconds pause{0};
    Code expected = Code::request_too_large;
};

/// A TLS server that gives every visitor the same endless answer.
class EndlessServer {
public:
    explicit EndlessServer(Shape shape) : shape_(std::move(shape)) {
        std::signal(SIGPIPE, SIG_IGN);
        thread_ = std::thread([this] { serve(); });
    }
    ~EndlessServer() {
        is_stopping_ = true;
        listener_.end();
        thread_.join();
    }
    EndlessServer(const EndlessServer&) = delete;
    EndlessServer& operator=(const EndlessServer&) = delete;
    unsigned short port() const { return listener_.port(); }
    std::size_t sent() const { return sent_; }

private:
    void serve() {
        const net::TlsCredentials own = pki_.server("spiffe://example.org/ca/localhost");
        const pki::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate(context.get(), own.chain.front().get());
        SSL_CTX_use_PrivateKey(context.get(), own.key.get());
        for (std::size_t i = 1; i < own.chain.size(); ++i) {
            SSL_CTX_add1_chain_cert(context.get(), own.chain[i].get());
        }
        for (;;) {
            const UniqueFd peer = listener_.accept();
            if (!peer) {
                return;
            }
            const timeval timeout{1, 0};
            ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
            const pki::SslPtr ssl(SSL_new(context.get()));
            SSL_set_fd(ssl.get(), peer.get());
            if (SSL_accept(ssl.get()) == 1) {
                answer(ssl.get(), peer.get());
            }
        }
    }
    void answer(SSL* ssl, int fd) {
        std::string request;
        char byte = 0;
        while (!request.ends_with("\r\n\r\n") && SSL_read(ssl, &byte, 1) == 1) {
            request += byte;
        }
        if (!send(ssl, shape_.begin)) {
            return;
        }
        std::string block = shape_.then;
        // As fast as it can.
        while (shape_.pause == 0ms && block.size() < (16U << 10)) {
            block += shape_.then;
        }
        const auto end = Steady::now() + kForEver;
        while (sent_ < kEndless && Steady::now() < end && !is_stopping_ && send(ssl, block)) {
            if (shape_.pause == 0ms) {
                continue;
            }
            // Until the pause is over, or the client has gone.
            pollfd gone{fd, POLLIN | POLLRDHUP, 0};
            if (::poll(&gone, 1, static_cast<int>(shape_.pause.count())) > 0) {
                return;
            }
        }
    }
    bool send(SSL* ssl, const std::string& text) {
        std::size_t sent = 0;
        if (SSL_write_ex(ssl, text.data(), text.size(), &sent) != 1) {
            return false;
        }
        sent_ += sent;
        return true;
    }

    Shape shape_;
    TestPki pki_;
    test::LoopbackListener listener_;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<std::size_t> sent_ = 0;
    std::thread thread_;
};

class EndlessAnswer : public testing::TestWithParam<Shape> {};

TEST_P(EndlessAnswer, IsReadWithABoundInSizeAndInTime) {
    const EndlessServer server(GetParam());
    ClientOptions options;
    options.url = "https://localhost:" + std::to_string(server.port());
    options.answer_timeout = 2s;
    options.longest_answer = 1U << 20;
    Client client = Client::make(std::move(options)).value();
    const auto began = Steady::now();
    const auto got = client.get("/v1/trust");
    const auto took = Steady::now() - began;
    ASSERT_TRUE(!got);
    EXPECT_EQ(got.error().code, GetParam().expected) << got.error().detail;
    EXPECT_LT(took, 8s);
    EXPECT_LT(server.sent(), kBuffers);
}

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const std::string kLong(1000, 'a');

std::vector<Shape> shapes() {
    const std::string length = kHead + "Content-Length: 1000000\r\n\r\n";
    const std::string chunked = kHead + "Transfer-Encoding: chunked\r\n\r\n";
    return {
        {"StatusLine", "HTTP/1.1 200 ", kLong},
        {"HeaderLine", kHead + "X: ", kLong},
        {"HeaderName", kHead, kLong},
        {"SmallHeaders", kHead, "A: b\r\n"},
        {"FoldedHeader", kHead + "X: y\r\n", " z\r\n"},
        {"InterimAnswers", "", "HTTP/1.1 100 Continue\r\n\r\n"},
        {"InterimAnswersWithHeaders", "", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"},
        {"Body", kHead + "Content-Length: 2000000000\r\n\r\n", kLong},
        {"BodyToTheEnd", kHead + "\r\n", kLong},
        {"Chunks", chunked, "3e8\r\n" + kLong + "\r\n"},
        {"OneChunk", chunked + "fffffff\r\n", kLong},
        {"ChunkSize", chunked, std::string(1000, '0')},
        {"ChunkExtension", chunked + "1;x=", kLong},
        {"ChunkExtensions", chunked, "1;x=" + kLong + "\r\na\r\n"},
        {"Trailers", chunked + "0\r\n", "A: b\r\n"},
        {"TrailerLine", chunked + "0\r\nX: ", kLong},
        {"HeadByteByByte", kHead + "X: ", "a", 20ms, Code::timed_out},
        {"HeadersOneByOne", kHead, "A: b\r\n", 20ms, Code::timed_out},
        {"InterimAnswersOneByOne", "", "HTTP/1.1 100 Continue\r\n\r\n", 50ms, Code::timed_out},
        {"BodyByteByByte", length, "a", 20ms, Code::timed_out},
        {"BodyToTheEndByteByByte", kHead + "\r\n", "a", 20ms, Code::timed_out},
        {"ChunksByteByByte", chunked, "1\r\na\r\n", 20ms, Code::timed_out},
        {"ChunkExtensionByteByByte", chunked + "1;x=", "a", 20ms, Code::timed_out},
        {"TrailersOneByOne", chunked + "0\r\n", "A: b\r\n", 20ms, Code::timed_out},
    };
}

INSTANTIATE_TEST_SUITE_P(OfEachShape, EndlessAnswer, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace postern::http
