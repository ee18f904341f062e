// Thousands of connections that do not wait: each sends a request, takes the answer and asks again, and one
// that is cut off connects again at once. They come from one address or from many (127.0.0.0/8 has enough).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "pki/openssl.hpp"

namespace postern::test {

/// 127.0.0.1, the address from which clients on this machine reach its own services.
inline constexpr std::uint32_t kOwnAddress = 0x7f000001;

class Flood {
public:
    struct Options {
        int port = 0;
        int connections = 0;
        /// The connections come from this address and those that follow. They are the addresses of strangers,
        /// unless this is kOwnAddress.
        std::uint32_t first_address = 0x7f000101;
        int addresses = 1;
        /// With a context each connection does a TLS handshake. It must outlive the flood.
        SSL_CTX* tls = nullptr;
        /// What connection `i` sends over and over, each time that it has been answered. Without it a
        /// connection sends nothing: with a handshake it leaves after that, without one it waits to be cut
        /// off.
        std::function<std::string(int i)> words;
        /// How many times it sends that before it waits for the answers.
        int at_once = 1;
    };

    explicit Flood(Options options);
    ~Flood();
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;

    std::uint64_t connects() const { return connects_; }
    std::uint64_t handshakes() const { return handshakes_; }
    std::uint64_t answers() const { return answers_; }
    /// Connections that are open now.
    int open() const { return open_; }

private:
    struct Peer;
    void live();
    bool start(Peer& peer, int number);
    /// Returns false when the connection has ended.
    bool go_on(Peer& peer, int number);
    bool shake_hands(Peer& peer);
    void ask(Peer& peer, int number) const;
    bool say(Peer& peer);
    bool hear(Peer& peer, int number);
    void watch(const Peer& peer, int number, int action) const;

    Options options_;
    std::vector<Peer> peers_;
    int poller_ = -1;
    std::atomic<std::uint64_t> connects_ = 0;
    std::atomic<std::uint64_t> handshakes_ = 0;
    std::atomic<std::uint64_t> answers_ = 0;
    std::atomic<int> open_ = 0;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

}  // namespace postern::test
