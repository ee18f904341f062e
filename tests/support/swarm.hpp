// Hundreds of unwanted peers that talk to one port very slowly, or say nothing, or never stop. They live on
// one thread and hold on until they are cut off.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "pki/openssl.hpp"

namespace postern::test {

/// Makes the context of a TLS client that trusts every server, with or without a certificate. Throws when it
/// cannot load the certificate.
pki::SslCtxPtr careless_client(const std::filesystem::path& certificate = {},
                               const std::filesystem::path& key = {});
/// Returns the ClientHello that a real client sends first.
std::string client_hello();

class Swarm {
public:
    /// What peer `i` says in its turn `turn` (from 0); an empty string is silence.
    using Words = std::function<std::string(int i, int turn)>;

    struct Options {
        int port = 0;
        int count = 0;
        Words words;
        /// With a context the peers do a TLS handshake first, and their words go through TLS. It must outlive
        /// the swarm.
        SSL_CTX* tls = nullptr;
        /// The time from one turn to the next.
        std::chrono::milliseconds pace = std::chrono::seconds(1);
    };

    /// Returns when all peers are connected and have done their handshakes, if there are any. Throws when one
    /// of them cannot.
    explicit Swarm(Options options);
    ~Swarm();
    Swarm(const Swarm&) = delete;
    Swarm& operator=(const Swarm&) = delete;

    int alive() const { return alive_; }
    /// Returns how long it took, from when the last peer was connected, until the last one was cut off. Waits
    /// for that until the timeout; returns nothing when some are alive then.
    std::optional<std::chrono::milliseconds> lasted(
        std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
    /// The first few KiB that a peer was sent. To be called only when no peer is alive any more.
    const std::string& heard(std::size_t peer) const { return peers_.at(peer).heard; }

private:
    struct Peer {
        UniqueFd fd;
        pki::SslPtr ssl;
        std::string unsaid;
        std::string heard;
    };

    void shake_hands();
    void live();
    bool is_closed(Peer& peer) const;
    void say(Peer& peer) const;

    Options options_;
    std::vector<Peer> peers_;
    std::chrono::steady_clock::time_point began_;
    std::atomic<std::chrono::milliseconds> lasted_ = std::chrono::milliseconds(0);
    std::atomic<int> alive_ = 0;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

}  // namespace postern::test
