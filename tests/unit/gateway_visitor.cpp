#include "unit/gateway_visitor.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include <gtest/gtest.h>

#include "support/loopback_address.hpp"

namespace postern::gateway {

bool eventually(const std::function<bool()>& claim, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!claim()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

UniqueFd connect_to(unsigned short port, const char* from) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in own = test::loopback(0, from);
    const sockaddr_in address = test::loopback(port);
    const timeval timeout{20, 0};
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
}

SmallBackend::SmallBackend(std::string answer, After after)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)), after_(after) {
    sockaddr_in address = test::loopback(0);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_.get(), 16);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!answer_.empty()) {
        thread_ = std::thread([this] { serve(); });
    }
}

SmallBackend::~SmallBackend() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) {
        thread_.join();
    }
}

UniqueFd SmallBackend::accept_one() const {
    UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
    const timeval timeout{20, 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return peer;
}

void SmallBackend::serve() {
    while (true) {
        const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
        if (!peer) {
            return;
        }
        char request[8] = {};
        ::recv(peer.get(), request, sizeof request, MSG_WAITALL);
        ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
        if (after_ == After::resets) {
            const linger at_once{1, 0};
            ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        if (after_ != After::echoes) {
            continue;
        }
        // What comes after goes back.
        char block[4096];
        ssize_t got = 0;
        while ((got = ::recv(peer.get(), block, sizeof block, 0)) > 0) {
            ::send(peer.get(), block, static_cast<std::size_t>(got), MSG_NOSIGNAL);
        }
        resets_ += got < 0 ? 1 : 0;
    }
}

ClientContext::ClientContext(const std::vector<pki::Certificate>& chain, EVP_PKEY* key,
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

Visitor::Visitor(unsigned short port, const ClientContext& context, const char* from)
    : fd_(connect_to(port, from)), ssl_(SSL_new(context.get())) {
    SSL_set_fd(ssl_.get(), fd_.get());
    is_greeted_ = SSL_connect(ssl_.get()) == 1;
}

void Visitor::send(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
}

void Visitor::shut_down() {
    SSL_shutdown(ssl_.get());
    ::shutdown(fd_.get(), SHUT_WR);
}

void Visitor::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_ = UniqueFd();
}

std::string Visitor::read(std::size_t size) {
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

std::string Visitor::read_head() {
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

std::string Visitor::Answer::field(const std::string& name) const {
    const auto at = head.find(name + ": ");
    return at == std::string::npos
               ? std::string()
               : head.substr(at + name.size() + 2, head.find("\r\n", at) - at - name.size() - 2);
}

Visitor::Answer Visitor::answer() {
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

Visitor::Answer Visitor::ask(const std::string& request_line, const std::string& fields,
                             const std::string& early) {
    send(request_line + " HTTP/1.1\r\nHost: gateway\r\n" + fields + "\r\n" + early);
    return answer();
}

}  // namespace postern::gateway
