#include "support/flood.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <openssl/err.h>

#include "base/unique_fd.hpp"
#include "support/loopback_address.hpp"

namespace postern::test {

namespace {

/// How many new connections are started between two looks at the open ones.
constexpr int kMostStarts = 64;
constexpr int kMostEvents = 256;

/// Returns the size of a whole answer at the front of `text`; 0 when more must come first.
std::size_t answer_size(std::string_view text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string_view::npos) {
        return 0;
    }
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t at = text.substr(0, head).find(kLength);
    std::size_t body = 0;
    if (at != std::string_view::npos) {
        const char* const begin = text.data() + at + kLength.size();
        std::from_chars(begin, text.data() + head, body);
    }
    const std::size_t size = head + 4 + body;
    return text.size() >= size ? size : 0;
}

}  // namespace

struct Flood::Peer {
    UniqueFd fd;
    pki::SslPtr ssl;
    bool is_connected = false;
    bool has_shaken_hands = false;
    std::string words;
    std::size_t said = 0;
    std::string heard;
    /// Answers that are still to come.
    int owed = 0;
};

Flood::Flood(Options options) : options_(std::move(options)) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    poller_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (poller_ < 0) {
        throw std::runtime_error("epoll_create1");
    }
    peers_.resize(static_cast<std::size_t>(options_.connections));
    thread_ = std::thread([this] { live(); });
}

Flood::~Flood() {
    is_over_ = true;
    thread_.join();
    ::close(poller_);
}

void Flood::watch(const Peer& peer, int number, int action) const {
    epoll_event event{};
    const bool has_unsaid = !peer.is_connected || peer.said < peer.words.size();
    event.events = EPOLLIN | (has_unsaid ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    event.data.u32 = static_cast<std::uint32_t>(number);
    ::epoll_ctl(poller_, action, peer.fd.get(), &event);
}

bool Flood::start(Peer& peer, int number) {
    peer = Peer();
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    // The kernel chooses the port when the other end is known, from all that are not taken towards it.
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in own = loopback(0);
    own.sin_addr.s_addr =
        htonl(options_.first_address + static_cast<std::uint32_t>(number % options_.addresses));
    const sockaddr_in other = loopback(options_.port);
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        return false;
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    peer.fd = std::move(fd);
    if (options_.tls != nullptr) {
        peer.ssl.reset(SSL_new(options_.tls));
        SSL_set_fd(peer.ssl.get(), peer.fd.get());
        SSL_set_connect_state(peer.ssl.get());
    }
    ++connects_;
    watch(peer, number, EPOLL_CTL_ADD);
    return true;
}

bool Flood::shake_hands(Peer& peer) {
    ERR_clear_error();
    const int done = SSL_do_handshake(peer.ssl.get());
    if (done == 1) {
        peer.has_shaken_hands = true;
        ++handshakes_;
        return true;
    }
    const int why = SSL_get_error(peer.ssl.get(), done);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

void Flood::ask(Peer& peer, int number) const {
    const std::string once = options_.words(number);
    peer.words.clear();
    for (peer.owed = 0; peer.owed < options_.at_once; ++peer.owed) {
        peer.words += once;
    }
    peer.said = 0;
}

bool Flood::say(Peer& peer) {
    while (peer.said < peer.words.size()) {
        const std::string_view rest = std::string_view(peer.words).substr(peer.said);
        int took = 0;
        bool is_waiting = false;
        if (peer.ssl) {
            ERR_clear_error();
            took = SSL_write(peer.ssl.get(), rest.data(), static_cast<int>(rest.size()));
            const int why = SSL_get_error(peer.ssl.get(), took);
            is_waiting = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        } else {
            took = static_cast<int>(::send(peer.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL));
            is_waiting = took < 0 && errno == EAGAIN;
        }
        if (took <= 0) {
            return is_waiting;
        }
        peer.said += static_cast<std::size_t>(took);
    }
    return true;
}

bool Flood::hear(Peer& peer, int number) {
    std::array<char, 16384> block;
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
            return is_waiting;
        }
        peer.heard.append(block.data(), static_cast<std::size_t>(got));
        for (std::size_t size = answer_size(peer.heard); size > 0; size = answer_size(peer.heard)) {
            peer.heard.erase(0, size);
            ++answers_;
            --peer.owed;
        }
        if (peer.owed <= 0) {
            ask(peer, number);
            return say(peer);
        }
    }
}

bool Flood::go_on(Peer& peer, int number) {
    if (!peer.is_connected) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(peer.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            return false;
        }
        peer.is_connected = true;
        if (options_.words) {
            ask(peer, number);
        }
    }
    if (peer.ssl && !peer.has_shaken_hands) {
        if (!shake_hands(peer)) {
            return false;
        }
        if (!peer.has_shaken_hands) {
            return true;
        }
        if (peer.words.empty()) {
            return false;
        }
    }
    return say(peer) && hear(peer, number);
}

void Flood::live() {
    std::vector<int> gone;
    for (int i = options_.connections - 1; i >= 0; --i) {
        gone.push_back(i);
    }
    std::array<epoll_event, kMostEvents> events{};
    while (!is_over_) {
        for (int i = 0; i < kMostStarts && !gone.empty(); ++i) {
            const int number = gone.back();
            if (!start(peers_[static_cast<std::size_t>(number)], number)) {
                break;
            }
            gone.pop_back();
        }
        open_ = options_.connections - static_cast<int>(gone.size());
        const int ready = ::epoll_wait(poller_, events.data(), kMostEvents, gone.empty() ? 20 : 1);
        for (int i = 0; i < ready; ++i) {
            const int number = static_cast<int>(events[static_cast<std::size_t>(i)].data.u32);
            Peer& peer = peers_[static_cast<std::size_t>(number)];
            if (!peer.fd) {
                continue;
            }
            if (go_on(peer, number)) {
                watch(peer, number, EPOLL_CTL_MOD);
            } else {
                peer = Peer();
                gone.push_back(number);
            }
        }
    }
}

}  // namespace postern::test
