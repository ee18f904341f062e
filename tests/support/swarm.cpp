#include "support/swarm.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>

#include <openssl/err.h>

#include "support/loopback_address.hpp"
#include "support/process.hpp"

namespace postern::test {

namespace {

using namespace std::chrono_literals;

/// How often each peer is looked at.
constexpr std::chrono::milliseconds kTick = 100ms;
constexpr std::size_t kMostHeard = 4096;

/// Returns an empty descriptor when the connection is refused.
UniqueFd connect_to(int port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return UniqueFd();
    }
    return fd;
}

}  // namespace

pki::SslCtxPtr careless_client(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    pki::SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    if (!certificate.empty() &&
        (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
         SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)) {
        throw std::runtime_error("cannot load " + certificate.string());
    }
    return context;
}

std::string client_hello() {
    const pki::SslCtxPtr context = careless_client();
    const pki::SslPtr ssl(SSL_new(context.get()));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_connect(ssl.get());
    std::string hello(4096, '\0');
    hello.resize(static_cast<std::size_t>(
        BIO_read(SSL_get_wbio(ssl.get()), hello.data(), static_cast<int>(hello.size()))));
    return hello;
}

Swarm::Swarm(Options options) : options_(std::move(options)) {
    // OpenSSL writes to sockets with write(), which raises SIGPIPE.
    std::signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < options_.count; ++i) {
        Peer& peer = peers_.emplace_back();
        peer.fd = connect_to(options_.port);
        if (!peer.fd) {
            throw std::runtime_error("a peer of a swarm cannot connect");
        }
        ::fcntl(peer.fd.get(), F_SETFL, O_NONBLOCK);
        if (options_.tls != nullptr) {
            peer.ssl.reset(SSL_new(options_.tls));
            SSL_set_fd(peer.ssl.get(), peer.fd.get());
        }
    }
    if (options_.tls != nullptr) {
        shake_hands();
    }
    began_ = std::chrono::steady_clock::now();
    alive_ = options_.count;
    thread_ = std::thread([this] { live(); });
}

Swarm::~Swarm() {
    is_over_ = true;
    thread_.join();
}

void Swarm::shake_hands() {
    const bool are_all_done = eventually(
        [&] {
            int open = 0;
            for (Peer& peer : peers_) {
                ERR_clear_error();
                const int done = SSL_connect(peer.ssl.get());
                const int why = SSL_get_error(peer.ssl.get(), done);
                if (done != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
                    throw std::runtime_error("a peer of a swarm cannot shake hands");
                }
                open += done == 1 ? 0 : 1;
            }
            return open == 0;
        },
        30s);
    if (!are_all_done) {
        throw std::runtime_error("the peers of a swarm wait for their handshakes");
    }
}

void Swarm::live() {
    auto next_turn = began_;
    int turn = 0;
    while (alive_ > 0 && !is_over_) {
        const bool is_turn = std::chrono::steady_clock::now() >= next_turn;
        int alive = 0;
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            Peer& peer = peers_[i];
            if (peer.fd && is_closed(peer)) {
                peer.ssl.reset();
                peer.fd = UniqueFd();
            }
            if (!peer.fd) {
                continue;
            }
            ++alive;
            // What is not yet said comes first. Otherwise the words of a peer that never stops would grow
            // without bound.
            if (is_turn && peer.unsaid.empty()) {
                peer.unsaid = options_.words(static_cast<int>(i), turn);
            }
            say(peer);
        }
        if (is_turn) {
            ++turn;
            next_turn += options_.pace;
        }
        lasted_ =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
        alive_ = alive;
        std::this_thread::sleep_for(std::min(options_.pace, kTick));
    }
}

std::optional<std::chrono::milliseconds> Swarm::lasted(std::chrono::milliseconds timeout) const {
    if (!eventually([&] { return alive_ == 0; }, timeout)) {
        return std::nullopt;
    }
    return lasted_.load();
}

bool Swarm::is_closed(Peer& peer) const {
    std::string block(4096, '\0');
    while (true) {
        int got = 0;
        bool is_waiting = false;
        if (peer.ssl) {
            ERR_clear_error();
            got = SSL_read(peer.ssl.get(), block.data(), static_cast<int>(block.size()));
            const int why = SSL_get_error(peer.ssl.get(), got);
            is_waiting = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        } else {
            got = static_cast<int>(::recv(peer.fd.get(), block.data(), block.size(), 0));
            is_waiting = got < 0 && errno == EAGAIN;
        }
        if (got <= 0) {
            return !is_waiting;
        }
        const std::size_t space = kMostHeard - peer.heard.size();
        peer.heard.append(block, 0, std::min(static_cast<std::size_t>(got), space));
    }
}

void Swarm::say(Peer& peer) const {
    while (!peer.unsaid.empty()) {
        const auto size = peer.unsaid.size();
        int took = 0;
        if (peer.ssl) {
            ERR_clear_error();
            took = SSL_write(peer.ssl.get(), peer.unsaid.data(), static_cast<int>(size));
        } else {
            took = static_cast<int>(::send(peer.fd.get(), peer.unsaid.data(), size, MSG_NOSIGNAL));
        }
        if (took <= 0) {
            return;
        }
        peer.unsaid.erase(0, static_cast<std::size_t>(took));
    }
}

}  // namespace postern::test
