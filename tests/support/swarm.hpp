// Peers that nobody wants: hundreds that talk to one port very slowly, or say nothing, or never stop. They
// live on one thread and hold on until they are cut off.
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

/// A TLS client that trusts everybody, with or without a certificate. Throws when it cannot load that.
pki::SslCtxPtr careless_client(const std::filesystem::path& certificate = {},
                               const std::filesystem::path& key = {});
/// What a real client says first.
std::string client_hello();

class Swarm {
public:
    /// What peer `i` says in its turn `turn` (from 0); nothing is silence.
    using Words = std::function<std::string(int i, int turn)>;

    struct Options {
        int port = 0;
        int count = 0;
        Words words;
        /// With a context the peers shake hands first, and their words go through TLS. It must outlive the
        /// swarm.
        SSL_CTX* tls = nullptr;
        /// From one turn to the next.
        std::chrono::milliseconds pace = std::chrono::seconds(1);
    };

    /// Returns when all are connected and have shaken hands, if they do; throws when one of them cannot.
    explicit Swarm(Options options);
    ~Swarm();
    Swarm(const Swarm&) = delete;
    Swarm& operator=(const Swarm&) = delete;

    int alive() const { return alive_; }
    /// How long it took until the last of them was cut off, from when the last was connected. Waits so long;
    /// nothing when some are alive at the end of the timeout.
    std::optional<std::chrono::milliseconds> lasted(
        std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
    /// The first few KiB that a peer was told. Only when nobody is alive any more.
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
